import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectFakeHomeserver, type RemoteHomeserver } from '../../test/fakes/matrix/remote.ts';
import { createDatabase, startPostgres, type TestPostgres } from '../../test/harness/postgres.ts';
import { Helper } from './child.ts';
import { timeOfDayOffsetMs } from './clock.ts';
import { Load } from './load.ts';
import { startPeer, type Peer, type PeerSetting } from './peer.ts';
import { describeProfile } from './profile.ts';
import { createWorld, type World, type WorldSetting } from './world.ts';

export interface StageOptions {
  /** Each benchmark in less than 15 s: shows that it works; numbers are not meaningful. */
  readonly quick: boolean;
  /** Profiles the program. */
  readonly profile: boolean;
  readonly say: (line: string) => void;
}

/** The resources of one benchmark, created on demand and removed at its end. */
export class Stage {
  readonly quick: boolean;
  readonly say: (line: string) => void;
  /** Offset from the homeserver's timestamps to `monotonicMs`. */
  readonly offsetMs = timeOfDayOffsetMs();
  readonly #options: StageOptions;
  readonly #directory: string;
  readonly #compileCache: string;
  readonly #postgres: TestPostgres;
  readonly #ends: (() => Promise<void>)[] = [];
  readonly #profiles: string[] = [];
  #homeserver: RemoteHomeserver | undefined;
  readonly #worlds: World[] = [];

  constructor(options: StageOptions, places: { directory: string; compileCache: string; postgres: TestPostgres }) {
    this.quick = options.quick;
    this.say = options.say;
    this.#options = options;
    this.#directory = places.directory;
    this.#compileCache = places.compileCache;
    this.#postgres = places.postgres;
  }

  /** One for the complete benchmark. */
  async homeserver(): Promise<RemoteHomeserver> {
    if (this.#homeserver) return this.#homeserver;
    const helper = new Helper('./homeserver-process.ts', { offsetMs: this.offsetMs });
    this.#ends.push(() => helper.stop());
    this.#homeserver = connectFakeHomeserver(await helper.said<string>());
    return this.#homeserver;
  }

  /** A bot that is not started yet. */
  async world(name: string, config: WorldSetting['config'] = {}): Promise<World> {
    const homeserver = await this.homeserver();
    const database = await createDatabase(this.#postgres.url);
    const directory = join(this.#directory, `${name}-${this.#worlds.length}`);
    const profileDirectory = this.#options.profile ? join(directory, 'profile') : undefined;
    if (profileDirectory !== undefined) {
      await mkdir(profileDirectory, { recursive: true });
      this.#profiles.push(profileDirectory);
    }
    const compileCache = this.#compileCache;
    const world = await createWorld({
      name,
      directory,
      compileCache,
      databaseUrl: database.url,
      homeserver,
      profileDirectory,
      config,
    });
    this.#worlds.push(world);
    this.#ends.push(async () => {
      await world.close();
      await database.drop();
    });
    return world;
  }

  /** A running bot that has joined its room, with the alerts skill listening. */
  async startWorld(name: string, config: WorldSetting['config'] = {}): Promise<World> {
    const world = await this.world(name, config);
    await world.program.start();
    await world.listening();
    return world;
  }

  load(): Load {
    const load = new Load();
    this.#ends.push(() => load.stop());
    return load;
  }

  async peer(setting: PeerSetting): Promise<Peer> {
    const peer = await startPeer(setting);
    this.#ends.push(() => peer.stop());
    return peer;
  }

  /** The peer that stores and forwards, with its own user, room and database. */
  async forwardingPeer(): Promise<Peer & { readonly room: string }> {
    const homeserver = await this.homeserver();
    const database = await createDatabase(this.#postgres.url);
    this.#ends.push(() => database.drop());
    const { token } = await homeserver.addUser('peer', { deviceId: 'PEER' });
    const room = await homeserver.createRoom({ creator: 'peer' });
    const peer = await this.peer({ forward: { databaseUrl: database.url, homeserver: homeserver.url, room, token } });
    return { ...peer, room };
  }

  /** An empty directory for this benchmark. */
  async directory(name: string): Promise<string> {
    const path = join(this.#directory, name);
    await mkdir(path, { recursive: true });
    return path;
  }

  /** The end of the programs' logs, for a failed benchmark. */
  get said(): string {
    return this.#worlds.map((world) => world.program.said).join('\n');
  }

  async close(): Promise<void> {
    for (const end of this.#ends.reverse()) await end();
    for (const directory of this.#profiles)
      for (const line of await describeProfile(directory).catch(() => ['no profile was started'])) this.say(line);
  }
}

/** One durable Postgres for the complete run, and a stage for each benchmark. */
export async function withStages<T>(
  options: StageOptions,
  work: (next: () => Promise<Stage>, postgresUrl: string) => Promise<T>,
): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-bench-'));
  const postgres = await startPostgres({ fast: false });
  const compileCache = join(directory, 'compile-cache');
  let count = 0;
  const next = async (): Promise<Stage> => {
    const own = join(directory, `stage-${count++}`);
    await mkdir(own);
    return new Stage(options, { directory: own, compileCache, postgres });
  };
  try {
    return await work(next, postgres.url);
  } finally {
    await postgres.stop();
    await rm(directory, { recursive: true, force: true });
  }
}
