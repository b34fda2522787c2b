import { userInfo } from 'node:os';
import type { Actor } from '../contract/actor.ts';

/** The person who runs a CLI command: they can reach the database, so they may do everything. The audit log names them. */
export function operator(): Actor {
  const name = `cli:${userName()}`;
  return { kind: 'program', connector: 'cli', accountId: name, name, groups: [], guest: false, bot: false };
}

/** In a container the user often has a number but no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
