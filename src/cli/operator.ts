import { userInfo } from 'node:os';
import type { Actor } from '../contract/actor.ts';

/** Whoever runs a command of the program: they have its database, so they may do everything. The audit names them. */
export function operator(): Actor {
  const name = `cli:${userName()}`;
  return { kind: 'program', connector: 'cli', accountId: name, name, groups: [], guest: false, bot: false };
}

/** In a container the user often has a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
