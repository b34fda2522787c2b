import { randomUUID } from 'node:crypto';
import { printMessage } from '../connectors/console/print.ts';
import { noRoom, remoteEvent, waitUntilDone, type RemoteMessage } from '../dispatch/remote-command.ts';
import { StartFailed } from '../errors.ts';
import { insertEvents } from '../events/event.ts';
import { offlineRegistry } from './offline-registry.ts';
import { operator } from './operator.ts';
import type { ProgramSetupOptions } from './program-setup.ts';
import { withLastGood } from './with-database.ts';

export interface DoOptions extends ProgramSetupOptions {
  readonly room?: string;
  readonly json?: boolean;
  /** Seconds. */
  readonly wait: string;
}

/** Sends a command to the running bot and prints its answer. 0: done, or confirmation requested; 1: rejected, failed, or no answer. */
export function say(words: readonly string[], { room, json, wait, ...options }: DoOptions): Promise<number> {
  const waitMs = Number(wait) * 1000;
  if (!Number.isFinite(waitMs) || waitMs < 0) throw new StartFailed(`--wait ${wait} is not a number of seconds`);
  return withLastGood(options, async (database, setup, config) => {
    const registry = offlineRegistry(setup, config);
    if (room !== undefined && !registry.rooms.byName(room)) throw new StartFailed(noRoom(registry, room));
    const actor = operator();
    const id = { source: actor.accountId, sourceId: randomUUID() };
    await insertEvents(database.query, [
      remoteEvent({ actor, say: words.join(' '), room }, { ...id, now: new Date() }),
    ]);
    const done = await waitUntilDone(database.query, id, waitMs);
    if (!done) {
      console.log(
        'Stored, but no bot has answered yet; it runs as soon as a bot does. `watchbell doctor` shows what is wrong.',
      );
      return 1;
    }
    const { answer } = done;
    if (json) console.log(JSON.stringify(answer, null, 2));
    else console.log(answer.message ? print(answer.message) : answer.outcome);
    return ['ok', 'cancelled', 'confirm'].includes(answer.outcome) ? 0 : 1;
  });
}

function print({ markdown, text, actions = [], ...message }: RemoteMessage): string {
  const said = markdown ?? text;
  return printMessage(
    {
      ...message,
      ...(said !== undefined && { text: said }),
      actions: actions.map(({ label, say: command }) => ({ label, emoji: '', command })),
    },
    false,
  );
}
