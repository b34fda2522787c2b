import { Helper } from './child.ts';

export interface PeerSetting {
  readonly port?: number;
  /** One INSERT and one PUT for each webhook; undefined: it answers and stores nothing. */
  readonly forward?: {
    readonly databaseUrl: string;
    readonly homeserver: string;
    readonly room: string;
    readonly token: string;
  };
  /** `GET /query` returns the rows of this statement. */
  readonly query?: { readonly databaseUrl: string; readonly sql: string };
}

export interface Peer {
  /** Address for webhooks. */
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** A bare express handler, in its own process. */
export async function startPeer(setting: PeerSetting): Promise<Peer> {
  const helper = new Helper('./peer-process.ts', setting);
  const url = await helper.said<string>();
  return { pid: helper.pid, url: `${url}/webhook`, stop: () => helper.stop() };
}
