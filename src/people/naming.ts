import { cut } from '../chat/cut.ts';
import { cleanLine } from '../chat/markdown.ts';
import type { Person } from '../contract/people.ts';

/** A display name longer than this is none. */
const MOST_NAME = 255;
/** Of a name that needs its id behind it; both are to fit where names are cut. */
const MOST_WITH_ID = 30;

/** Letters of other scripts, and digits, that look like Latin ones in lower case; the second of each pair is what they look like. */
const ALIKE = new Map(
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

/** Words as an eye takes them: without accents, cases, punctuation, and which of two like letters it is. */
function lookOf(name: string): string {
  const plain = name
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}]/gu, '')
    .toLowerCase();
  const words = plain.match(/[\p{L}\p{N}]+/gu) ?? [];
  return ` ${words.map((word) => [...word].map((letter) => ALIKE.get(letter) ?? letter).join('')).join(' ')} `;
}

/**
 * How an account is called that is not listed: by its display name, and by its id as well where that name could be taken
 * for somebody's who is, or by the id alone where there is no name.
 */
export function createNaming(people: readonly Person[]): (accountId: string, displayName: string) => string {
  const listed = [...new Set(people.flatMap(({ id, name }) => [lookOf(id), lookOf(name)]))].filter(
    (look) => look.trim() !== '',
  );
  return (accountId, displayName) => {
    const name = cleanLine(cut(displayName, MOST_NAME)).replace(/\s+/g, ' ').trim();
    if (name === '') return accountId;
    const look = lookOf(name);
    if (!listed.some((one) => look.includes(one) || (look.trim() !== '' && one.includes(look)))) return name;
    // An id in the name would be taken for the account's own.
    return `${cut(name.replace(/[()@]/g, ''), MOST_WITH_ID).trim()} (${accountId})`;
  };
}
