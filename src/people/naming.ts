import { cut } from '../chat/cut.ts';
import { cleanLine } from '../chat/markdown.ts';
import type { Person } from '../contract/people.ts';

/** Display names are cut at this. */
const MAX_NAME = 255;
/** For a name that is followed by its id, so that both fit where names are truncated. */
const MAX_NAME_WITH_ID = 30;

/** Letters of other scripts, and digits, each with the lower-case Latin letter that it looks like. */
const LOOKALIKES = new Map(
  [
    'аa',
    'вb',
    'еe',
    'ёe',
    'зz',
    'іl',
    'їl',
    'јj',
    'кk',
    'мm',
    'нh',
    'оo',
    'пn',
    'рp',
    'сc',
    'тt',
    'уy',
    'хx',
    'ѕs',
    'һh',
  ]
    .concat(['αa', 'βb', 'εe', 'ιl', 'κk', 'νv', 'οo', 'ρp', 'τt', 'υu', 'χx', 'ωw', '0o', '1l', 'il', 'ıl'])
    .map((pair): [string, string] => [pair.charAt(0), pair.charAt(1)]),
);

/** A name reduced to what it looks like: without accents, case, punctuation and lookalike letters. */
function skeletonOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]/gu, '')
    .toLowerCase();
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  return ` ${words.map((word) => [...word].map((letter) => LOOKALIKES.get(letter) ?? letter).join('')).join(' ')} `;
}

/**
 * The name of an unlisted account: its display name, followed by its id if it could be mistaken for a listed person, or the id
 * alone if there is no name.
 */
export function createNaming(people: readonly Person[]): (accountId: string, displayName: string) => string {
  const listed = [...new Set(people.flatMap(({ id, name }) => [skeletonOf(id), skeletonOf(name)]))].filter(
    (skeleton) => skeleton.trim() !== '',
  );
  return (accountId, displayName) => {
    const name = cleanLine(cut(displayName, MAX_NAME)).replace(/\s+/g, ' ').trim();
    if (name === '') return accountId;
    const skeleton = skeletonOf(name);
    if (!listed.some((one) => skeleton.includes(one) || (skeleton.trim() !== '' && one.includes(skeleton))))
      return name;
    // An id inside the name could be mistaken for the account's.
    return `${cut(name.replace(/[()@]/g, ''), MAX_NAME_WITH_ID).trim()} (${accountId})`;
  };
}
