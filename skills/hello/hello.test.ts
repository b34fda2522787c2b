import type { CommandContext, Commands } from '#skill';
import hello from './index.ts';

/** The skill uses these three words of its context, so they are all that the test needs. */
function said(args: Record<string, unknown>, greeting: string): unknown {
  const context = { args, sender: { name: 'Ann *Li*' }, options: { greeting } } as unknown as CommandContext<
    { greeting: string },
    Record<string, unknown>
  >;
  return (hello.commands as Commands<{ greeting: string }>)['hello {name?}']?.run(context);
}

test('hello answers with the name it was given', () => {
  expect(said({ name: 'Bob' }, 'Moin')).toBe('Moin, Bob!');
});

test('hello without a name greets whoever said it, with markup in the name made harmless', () => {
  expect(said({}, 'Hello')).toBe('Hello, Ann \\*Li\\*!');
});

test('the greeting is Hello unless configured', () => {
  expect(hello.options?.parse({})).toEqual({ greeting: 'Hello' });
});
