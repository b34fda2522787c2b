import { emojiOfName, nameOfEmoji } from './emoji.ts';

test('an emoji maps to its Slack name and back', () => {
  for (const [emoji, name] of [
    ['✅', 'white_check_mark'],
    ['👀', 'eyes'],
    ['🆘', 'sos'],
  ] as const) {
    expect(nameOfEmoji(emoji)).toBe(name);
    expect(emojiOfName(name)).toBe(emoji);
  }
});

test('skin tones and variation selectors are ignored, and aliases are known', () => {
  expect(emojiOfName('+1::skin-tone-4')).toBe('👍');
  expect(emojiOfName('thumbsup')).toBe('👍');
  expect(nameOfEmoji('⚠')).toBe('warning');
  expect(nameOfEmoji('⚠️')).toBe('warning');
});

test('a custom emoji keeps its name, and other text has none', () => {
  expect(emojiOfName('party-parrot')).toBe(':party-parrot:');
  expect(nameOfEmoji('x')).toBeUndefined();
});
