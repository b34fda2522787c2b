import type { Names } from '../contract/skill.ts';
import { didYouMean } from './nearest.ts';
import type { Finding, Path } from './tree.ts';

/** The known first words of commands, names of skills, and queries. */
export interface Vocabulary {
  readonly skills: readonly string[];
  readonly commands: readonly string[];
  /** `alerts open`. */
  readonly queries: readonly string[];
}

type Raw = Readonly<Record<string, unknown>>;

const CLASSES = ['read', 'respond', 'act', 'admin'];
/** Where names of a kind are defined. */
const DEFINED_IN: Readonly<Record<string, string>> = {
  room: 'rooms',
  connector: 'connectors',
  platform: 'connectors',
  person: 'people',
  'group or person': 'people',
  'time interval': 'timeIntervals',
  'API token': 'api',
};
const RESERVED = ['everyone', 'guests'];

/** The names a configuration defines. Works on raw values, so that one bad entry hides no problem elsewhere. */
export function namesOf(raw: Raw): Names {
  const groups = entriesOf(raw['people']).flatMap(([, person]) =>
    stringsOf(person['groups']).map(([, group]) => group),
  );
  return {
    rooms: keysOf(raw['rooms']),
    people: keysOf(raw['people']),
    groups: [...new Set(['admins', ...groups])],
    schedules: keysOf(raw['schedules']),
    timeIntervals: keysOf(raw['timeIntervals']),
  };
}

/** Kinds of names that are unknown, because the value that should define them is not a map. */
export function unknownNames(raw: Raw): (keyof Names)[] {
  const kinds = ['rooms', 'people', 'schedules', 'timeIntervals'] as const;
  const unknown: (keyof Names)[] = kinds.filter((kind) => isUnreadable(raw[kind]));
  return unknown.includes('people') ? [...unknown, 'groups'] : unknown;
}

/** References to names that do not exist. `warnings` are odd but still work. */
export function checkReferences(raw: Raw, vocabulary: Vocabulary): { problems: Finding[]; warnings: Finding[] } {
  const names = namesOf(raw);
  const connectors = keysOf(raw['connectors']);
  const problems: Finding[] = [];
  const warnings: Finding[] = [];

  function known(path: Path, kind: string, word: unknown, list: readonly string[], atKey = false): void {
    if (isUnreadable(raw[DEFINED_IN[kind] ?? ''])) return;
    if (typeof word === 'string' && !list.includes(word))
      problems.push({ path, atKey, message: `no ${kind} is called "${shown(word)}"${didYouMean(word, list)}` });
  }

  for (const [name, connector] of entriesOf(raw['connectors']))
    known(['connectors', name, 'opsRoom'], 'room', connector['opsRoom'], names.rooms);

  const addresses = new Map<string, string>();
  for (const [name, room] of entriesOf(raw['rooms'])) {
    known(['rooms', name, 'failover'], 'room', room['failover'], names.rooms);
    for (const [connector, ids] of Object.entries(asMap(room['in']))) {
      known(['rooms', name, 'in', connector], 'connector', connector, connectors, true);
      for (const id of typeof ids === 'string' ? [ids] : stringsOf(ids).map(([, one]) => one)) {
        const other = addresses.get(`${connector}\n${id}`);
        if (other !== undefined) {
          const message =
            other === name ? 'is named twice' : `is already the room "${other}": a room can have only one name`;
          problems.push({ path: ['rooms', name, 'in', connector], message });
        }
        addresses.set(`${connector}\n${id}`, name);
      }
    }
  }
  for (const cycle of failoverCycles(raw)) {
    problems.push({
      path: ['rooms', cycle[0] ?? '', 'failover'],
      message: `forms a cycle: ${[...cycle, cycle[0]].join(' → ')}`,
    });
  }

  const accounts = new Map<string, string>();
  for (const [id, person] of entriesOf(raw['people'])) {
    if (RESERVED.includes(id))
      problems.push({
        path: ['people', id],
        message: 'is reserved in access rules: choose another key',
        atKey: true,
      });
    else if (names.groups.includes(id))
      problems.push({ path: ['people', id], message: 'is also the name of a group: choose another key', atKey: true });
    const own = asMap(person['accounts']);
    for (const [connector, account] of Object.entries(own)) {
      known(['people', id, 'accounts', connector], 'connector', connector, connectors, true);
      if (typeof account !== 'string') continue;
      const other = accounts.get(`${connector}\n${account}`);
      if (other !== undefined)
        problems.push({ path: ['people', id, 'accounts', connector], message: `is already the account of "${other}"` });
      accounts.set(`${connector}\n${account}`, id);
    }
    for (const [index, connector] of stringsOf(person['contact'])) {
      // The person may link an account there.
      if (!Object.hasOwn(own, connector) && !connectors.includes(connector)) {
        const message = `"${shown(connector)}" is not one of the accounts of ${id}${didYouMean(connector, Object.keys(own))}`;
        problems.push({ path: ['people', id, 'contact', index], message });
      }
    }
    for (const [index, group] of stringsOf(person['groups'])) {
      if (RESERVED.includes(group))
        problems.push({
          path: ['people', id, 'groups', index],
          message: 'is reserved in access rules: choose another name',
        });
    }
  }

  checkAccess();
  for (const [name, schedule] of entriesOf(raw['schedules'])) {
    for (const [index, layer] of mapsOf(schedule['layers'])) {
      const path = ['schedules', name, 'layers', index];
      for (const [at, person] of stringsOf(layer['people']))
        known([...path, 'people', at], 'person', person, names.people);
      known([...path, 'during'], 'time interval', layer['during'], names.timeIntervals);
    }
  }
  return { problems, warnings };

  function checkAccess(): void {
    const tokens = Object.fromEntries(entriesOf(asMap(raw['api'])['tokens']));
    const platforms = [
      ...connectors,
      ...entriesOf(raw['connectors']).flatMap(([, { type }]) => (typeof type === 'string' ? [type] : [])),
    ];
    const everyone = [...RESERVED, ...names.groups, ...names.people];
    for (const [index, rule] of mapsOf(raw['access'])) {
      const path = ['access', index];
      for (const word of ['allow', 'deny']) {
        for (const [at, who] of stringsOf(rule[word])) {
          if (who.startsWith('platform:')) known([...path, word, at], 'platform', who.slice(9), platforms);
          else if (who.startsWith('token:')) known([...path, word, at], 'API token', who.slice(6), Object.keys(tokens));
          else known([...path, word, at], 'group or person', who, everyone);
        }
      }
      for (const [at, room] of stringsOf(rule['in'])) known([...path, 'in', at], 'room', room, names.rooms);
      for (const [at, command] of stringsOf(rule['commands']))
        checkWords([...path, 'commands', at], command, 'command', [...vocabulary.commands, ...vocabulary.queries]);
    }
    for (const [name, token] of Object.entries(tokens)) {
      const path = ['api', 'tokens', name];
      for (const [at, command] of stringsOf(token['commands']))
        checkWords([...path, 'commands', at], command, 'command', vocabulary.commands);
      for (const [at, query] of stringsOf(token['queries']))
        checkWords([...path, 'queries', at], query, 'query', vocabulary.queries);
    }
  }

  function checkWords(path: Path, words: string, what: 'command' | 'query', list: readonly string[]): void {
    if (words === '*') return;
    if (words.startsWith('class:')) known(path, 'class', words.slice(6), CLASSES);
    else if (words.startsWith('skill:')) known(path, 'skill', words.slice(6), vocabulary.skills);
    else {
      const wanted = words.toLowerCase().split(/\s+/).filter(Boolean).join(' ');
      if (list.some((one) => one === wanted || one.startsWith(`${wanted} `))) return;
      // Only a warning: the skill it belongs to may be missing for a while, and the bot should still start.
      warnings.push({ path, message: `no ${what} begins with "${shown(words)}"${didYouMean(wanted, list)}` });
    }
  }
}

/** Each cycle once, starting at its first entry in the file. */
function failoverCycles(raw: Raw): string[][] {
  const next = new Map(entriesOf(raw['rooms']).map(([name, room]) => [name, room['failover']]));
  const done = new Set<string>();
  const cycles: string[][] = [];
  for (const start of next.keys()) {
    const chain: string[] = [];
    let at: unknown = start;
    while (typeof at === 'string' && next.has(at) && !done.has(at)) {
      done.add(at);
      chain.push(at);
      at = next.get(at);
    }
    if (typeof at === 'string' && chain.includes(at)) cycles.push(chain.slice(chain.indexOf(at)));
  }
  return cycles;
}

function shown(word: string): string {
  return word.length > 80 ? `${word.slice(0, 79)}…` : word;
}

function isUnreadable(value: unknown): boolean {
  return value !== undefined && (typeof value !== 'object' || Array.isArray(value));
}

function asMap(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : {};
}

function keysOf(value: unknown): string[] {
  return Object.keys(asMap(value));
}

function entriesOf(value: unknown): [string, Raw][] {
  return Object.entries(asMap(value)).map(([key, entry]) => [key, asMap(entry)]);
}

function stringsOf(value: unknown): [number, string][] {
  return Array.isArray(value)
    ? value.flatMap((item, index): [number, string][] => (typeof item === 'string' ? [[index, item]] : []))
    : [];
}

function mapsOf(value: unknown): [number, Raw][] {
  return Array.isArray(value) ? value.map((item, index): [number, Raw] => [index, asMap(item)]) : [];
}
