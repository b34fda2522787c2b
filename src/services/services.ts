import type { Service } from '../contract/service.ts';
import type { PartState } from '../part-state.ts';
import type { LoadedSkill, Registry } from '../registry/registry.ts';
import type { Lease, LeaseKeeper } from '../replicas/lease.ts';
import { ServiceLoop, type LoopOptions } from './service-loop.ts';

export interface ServicesOptions extends LoopOptions {
  readonly leases: () => LeaseKeeper;
}

interface Declared {
  readonly loaded: LoadedSkill;
  readonly name: string;
  readonly service: Service;
}

/** The services of all skills: each runs while this replica holds its lease, `service:SKILL.NAME`. */
export class Services {
  readonly #options: ServicesOptions;
  /** By name of the lease. */
  readonly #loops = new Map<string, ServiceLoop>();
  #since: Date;

  constructor(options: ServicesOptions) {
    this.#options = options;
    this.#since = options.clock.now();
  }

  /** The leases to compete for. */
  leases(): readonly string[] {
    return [...declaredIn(this.#options.registry()).keys()];
  }

  /** A lease was acquired: starts its service, if it is a service's. */
  leaseAcquired(lease: Lease): void {
    const declared = declaredIn(this.#options.registry()).get(lease.name);
    if (!declared) return;
    const { loaded, name, service } = declared;
    const loop = new ServiceLoop(this.#options, loaded, [name, service], lease);
    this.#loops.set(lease.name, loop);
    lease.signal.addEventListener('abort', () => this.#forget(lease.name, loop), { once: true });
  }

  /** After a reload: stops services whose options changed or that were removed, and releases their leases. */
  async stopChanged(before: Registry): Promise<void> {
    const [old, now] = [declaredIn(before), declaredIn(this.#options.registry())];
    const optionsOf = (one: Declared | undefined): string | undefined => one && JSON.stringify(one.loaded.options);
    const ended = [...old.keys()].filter((name) => optionsOf(old.get(name)) !== optionsOf(now.get(name)));
    await Promise.all(
      ended.map(async (name) => {
        await this.#loops.get(name)?.stop();
        await this.#options.leases().release(name);
      }),
    );
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#loops.values()].map((loop) => loop.stop()));
  }

  parts(): Record<string, PartState> {
    return Object.fromEntries(
      this.leases().map((lease) => [
        lease.replace(':', ' '),
        this.#loops.get(lease)?.state ?? { ok: true, since: this.#since, detail: 'active on another replica' },
      ]),
    );
  }

  #forget(lease: string, loop: ServiceLoop): void {
    if (this.#loops.get(lease) === loop) this.#loops.delete(lease);
    this.#since = this.#options.clock.now();
  }
}

function declaredIn(registry: Registry): Map<string, Declared> {
  return new Map(
    [...registry.skills.values()].flatMap((loaded) =>
      Object.entries(loaded.skill.services ?? {})
        .filter(([, service]) => service.enabled?.(loaded.options) ?? true)
        .map(([name, service]) => [`service:${loaded.skill.name}.${name}`, { loaded, name, service }]),
    ),
  );
}
