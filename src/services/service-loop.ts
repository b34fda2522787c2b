import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Abilities } from '../contract/abilities.ts';
import type { SecretRef } from '../contract/secret.ts';
import type { EmitOptions, Service, ServiceRun } from '../contract/service.ts';
import type { Json, Sql } from '../contract/sql.ts';
import type { CrashHook } from '../crash-points.ts';
import type { Database } from '../db/database.ts';
import { readOnly } from '../db/read-only.ts';
import { messageOf } from '../errors.ts';
import type { AfterCommit } from '../events/after-commit.ts';
import { insertBatch } from '../events/event.ts';
import type { PartState } from '../part-state.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import { LeaseLost, type Lease } from '../replicas/lease.ts';
import { createAbilities } from '../tasks/abilities.ts';

const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 60_000;
/** After running this long, the restart backoff is reset. */
const HEALTHY_AFTER_MS = 60_000;
/** How long to wait for a service that ignores its signal. */
const STOP_WITHIN_MS = 3000;

export interface LoopOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly crashPoint: CrashHook;
  readonly registry: () => Registry;
  readonly secret: (reference: SecretRef) => Promise<string>;
  readonly afterCommit: Pick<AfterCommit, 'eventsAccepted'>;
}

/** Runs one service while this replica holds its lease, and restarts it when it ends. */
export class ServiceLoop {
  readonly #options: LoopOptions;
  readonly #loaded: LoadedSkill;
  readonly #name: string;
  readonly #service: Service;
  readonly #lease: Lease;
  readonly #stopping = new AbortController();
  readonly #signal: AbortSignal;
  readonly #ended: Promise<void>;
  #state: PartState;

  constructor(options: LoopOptions, loaded: LoadedSkill, [name, service]: [string, Service], lease: Lease) {
    this.#options = options;
    this.#loaded = loaded;
    this.#name = name;
    this.#service = service;
    this.#lease = lease;
    this.#signal = AbortSignal.any([lease.signal, this.#stopping.signal]);
    this.#state = { ok: true, since: options.clock.now() };
    this.#ended = this.#loop();
  }

  get state(): PartState {
    return this.#state;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.race([this.#ended, sleep(STOP_WITHIN_MS, undefined, { ref: false })]);
  }

  async #loop(): Promise<void> {
    const { clock } = this.#options;
    const { log } = this.#loaded;
    for (let failures = 0; !this.#signal.aborted;) {
      const began = clock.steady();
      let reason = 'it returned';
      try {
        await this.#service.run(this.#run());
      } catch (error) {
        reason = messageOf(error);
      }
      if (this.#signal.aborted) return;
      failures = clock.steady() - began > HEALTHY_AFTER_MS ? 0 : failures;
      const waitMs = Math.min(FIRST_PAUSE_MS * 2 ** failures++, LONGEST_PAUSE_MS);
      log.warn({ service: this.#name, reason, waitMs }, 'service ended and will be restarted');
      this.#setState(false, reason);
      await clock.pause(waitMs, this.#signal);
    }
  }

  #setState(ok: boolean, detail?: string): void {
    const { since, ok: before } = this.#state;
    this.#state = { ok, since: ok === before ? since : this.#options.clock.now(), detail };
  }

  #run(): ServiceRun {
    const { database, registry, secret } = this.#options;
    const { skill, options, log } = this.#loaded;
    const signal = this.#signal;
    return Object.assign(Object.create(createAbilities(skill.name, skill.needs ?? [], signal)) as Abilities, {
      ...{ options, signal, log, secret },
      people: registry().people,
      timeZone: registry().timeZone,
      room: (name: string) => registry().rooms.byName(name),
      read: (async (text, parameters) => readOnly(database, text, parameters)) as Sql,
      now: async () => {
        const [row] = await database.query<{ now: Date }>('select clock_timestamp() as now');
        if (!row) throw new Error('the database returned no time');
        return row.now;
      },
      emit: (name: string, payload: Json, given: EmitOptions) => this.#emit(name, payload, given),
      pause: (ms: number) => {
        // It completed a round, so it is healthy.
        this.#setState(true);
        return this.#options.clock.pause(ms, signal);
      },
    });
  }

  async #emit(name: string, payload: Json, { id, readAt, lane }: EmitOptions): Promise<void> {
    const { database, crashPoint, afterCommit } = this.#options;
    const skill = this.#loaded.skill.name;
    const service = `${skill}.${this.#name}`;
    const event = this.#service.events[name];
    if (!event) throw new Error(`the service ${service} has no event "${name}"`);
    event.payload.parse(payload);
    const accepted = await insertBatch(
      database.query,
      [
        {
          ...{ source: 'service', sourceId: `${service} ${name} ${id}`, kind: 'service', skill },
          name: `${this.#name}/${name}`,
          lane: `${skill}:service:${this.#name}${lane === undefined ? '' : `:${lane}`}`,
          payload: JSON.stringify({ payload, readAt }),
          happenedAt: readAt,
        },
      ],
      { connector: service, lease: this.#lease.name, epoch: this.#lease.epoch, cursor: null },
    );
    if (!accepted) throw new LeaseLost(`another replica runs the service ${service}`);
    crashPoint('service.after-emit');
    this.#setState(true);
    afterCommit.eventsAccepted(accepted);
  }
}
