import { actionsOf, offeredCommand, withOffer } from './offered-actions.ts';

const action = (command: string) => ({ label: command, emoji: '👀', command });
const offers = (...versions: (readonly [version: number, ...commands: string[]])[]): string | null =>
  versions.reduce<string | null>(
    (offered, [version, ...commands]) => withOffer(offered, version, JSON.stringify(commands.map(action))),
    null,
  );

test.each([
  ['the version that is shown', offers([1, 'ack', 'close']), 1, 1, 'close'],
  ['no such button', offers([1, 'ack']), 1, 1, undefined],
  [
    'an older version, and the newest still offers it elsewhere',
    offers([1, 'ack', 'close'], [2, 'close']),
    1,
    1,
    'close',
  ],
  ['an older version, and the newest has another button there', offers([1, 'ack'], [2, 'unack']), 1, 0, undefined],
  ['a version that offered the same as the one before it', offers([1, 'ack'], [2, 'ack'], [3, 'ack']), 2, 0, 'ack'],
  ['an older version, and nothing is offered now', offers([1, 'ack'], [2]), 1, 0, undefined],
  ['a version before the first offer', offers([3, 'ack']), 2, 0, undefined],
  ['what never offered anything', null, 1, 0, undefined],
])('a press on %s', (_, offered, version, index, command) => {
  expect(offeredCommand(offered, { version, index })).toBe(command);
});

test('twenty versions are remembered, and the newest is what the room offers', () => {
  const offered = offers(...Array.from({ length: 50 }, (_, index) => [index + 1, `ack ${index + 1}`, 'help'] as const));
  expect(actionsOf(offered).map(({ command }) => command)).toEqual(['ack 50', 'help']);
  expect(offeredCommand(offered, { version: 31, index: 1 })).toBe('help');
  expect(offeredCommand(offered, { version: 30, index: 1 })).toBeUndefined();
});
