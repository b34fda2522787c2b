import { groupsInWords } from './wording.ts';

test.each([
  [[], 'no groups'],
  [[2], '1 pair'],
  [[2, 2], '2 pairs'],
  [[3], 'a trio'],
  [[3, 3], '2 groups of 3'],
  [[2, 3], '1 pair and a trio'],
  [[2, 3, 3], '3 groups of 2 or 3'],
  [[2, 2, 3, 3], '2 pairs and 2 trios'],
  [[4], '1 group of 4'],
  [[3, 4, 4], '3 groups of 3 or 4'],
])('groups of %j are %s', (sizes, words) => {
  expect(groupsInWords(sizes)).toBe(words);
});
