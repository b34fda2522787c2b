import type { CommandContext, Commands } from '#skill';
import hello from './index.ts';

/** The skill reads only these three properties of its context. */
function reply(args: Record<string, unknown>, greeting: string): unknown {
  const context = { args, sender: { name: 'Ann *Li*' }, options: { greeting } } as unknown as CommandContext<
    { greeting: string },
    Record<string, unknown>
  >;
  return (hello.commands as Commands<{ greeting: string }>)['hello {name?}']?.run(context);
}

test('hello answers with the name it was given', () => {
  expect(reply({ name: 'Bob' }, 'Moin')).toBe('Moin, Bob!');
});

test('hello without a name greets the sender, with markup in the name escaped', () => {
  expect(reply({}, 'Hello')).toBe('Hello, Ann \\*Li\\*!');
});

test('the greeting is Hello unless configured', () => {
  expect(hello.options?.parse({})).toEqual({ greeting: 'Hello' });
});
