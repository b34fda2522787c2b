import { emojiOfName, nameOfEmoji } from './emoji.ts';

test('an emoji and its name at Slack are found from each other', () => {
  for (const [emoji, name] of [
    ['✅', 'white_check_mark'],
    ['👀', 'eyes'],
    ['🆘', 'sos'],
  ] as const) {
    expect(nameOfEmoji(emoji)).toBe(name);
    expect(emojiOfName(name)).toBe(emoji);
  }
});

test('skin tones, variation selectors and second names make no difference', () => {
  expect(emojiOfName('+1::skin-tone-4')).toBe('👍');
  expect(emojiOfName('thumbsup')).toBe('👍');
  expect(nameOfEmoji('⚠')).toBe('warning');
  expect(nameOfEmoji('⚠️')).toBe('warning');
});

test("a workspace's own emoji keeps its name, and what is no emoji has none", () => {
  expect(emojiOfName('party-parrot')).toBe(':party-parrot:');
  expect(nameOfEmoji('x')).toBeUndefined();
});
