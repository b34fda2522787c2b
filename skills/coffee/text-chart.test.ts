import { textChart } from './text-chart.ts';

const people = ['Cem', 'Ann', 'Bob'].map((name) => ({ id: name.toLowerCase(), name }));

test('a chart shows who has met whom and how often', () => {
  const met = [
    { one: 'ann', other: 'bob', times: 1 },
    { one: 'bob', other: 'cem', times: 3 },
    { one: 'ann', other: 'gone', times: 1 },
  ];
  expect(textChart(people, met)).toEqual({ text: 'Ann\nBob ●\nCem · 3', known: 2, possible: 3 });
});

test('pairs of more than 40 people are only counted', () => {
  const many = Array.from({ length: 200 }, (_, at) => ({ id: `${at}`, name: `${at}` }));
  expect(textChart(many, [])).toEqual({ text: '', known: 0, possible: 19_900 });
});
