import { chart } from './chart.ts';

const people = ['Cem', 'Ann', 'Bob'].map((name) => ({ id: name.toLowerCase(), name }));

test('a chart shows who has met whom and how often', () => {
  const met = [
    { one: 'ann', other: 'bob', times: 1 },
    { one: 'bob', other: 'cem', times: 3 },
    { one: 'ann', other: 'gone', times: 1 },
  ];
  expect(chart(people, met)).toEqual({ text: 'Ann\nBob ●\nCem · 3', known: 2, possible: 3 });
});

test('of very many it only counts', () => {
  const many = Array.from({ length: 200 }, (_, at) => ({ id: `${at}`, name: `${at}` }));
  expect(chart(many, [])).toEqual({ text: '', known: 0, possible: 19_900 });
});
