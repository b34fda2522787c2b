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
    'an older version, when the newest offers it at another index',
    offers([1, 'ack', 'close'], [2, 'close']),
    1,
    1,
    'close',
  ],
  [
    'an older version, when the newest has another button at that index',
    offers([1, 'ack'], [2, 'unack']),
    1,
    0,
    undefined,
  ],
  ['a version that offered the same as the previous one', offers([1, 'ack'], [2, 'ack'], [3, 'ack']), 2, 0, 'ack'],
  ['an older version, when nothing is offered now', offers([1, 'ack'], [2]), 1, 0, undefined],
  ['a version before the first offer', offers([3, 'ack']), 2, 0, undefined],
  ['a message that never offered anything', null, 1, 0, undefined],
])('a press on %s', (_, offered, version, index, command) => {
  expect(offeredCommand(offered, { version, index })).toBe(command);
});

test('the actions of the newest twenty versions are kept', () => {
  const offered = offers(...Array.from({ length: 50 }, (_, index) => [index + 1, `ack ${index + 1}`, 'help'] as const));
  expect(actionsOf(offered).map(({ command }) => command)).toEqual(['ack 50', 'help']);
  expect(offeredCommand(offered, { version: 31, index: 1 })).toBe('help');
  expect(offeredCommand(offered, { version: 30, index: 1 })).toBeUndefined();
});
