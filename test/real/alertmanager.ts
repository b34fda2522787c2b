import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../harness/postgres.ts';

const run = promisify(execFile);

/** A real Alertmanager (Debian's `prometheus-alertmanager`) that posts everything to one webhook. */
export interface Alertmanager {
  readonly url: string;
  /** Adds or ends an alert with amtool. */
  alert(
    labels: Readonly<Record<string, string>>,
    options?: { annotations?: Readonly<Record<string, string>>; ended?: boolean; startedAt?: Date },
  ): Promise<void>;
  stop(): Promise<void>;
}

/** Why it is not available here, or undefined. */
export async function alertmanagerMissing(): Promise<string | undefined> {
  try {
    await run('prometheus-alertmanager', ['--version']);
    await run('amtool', ['--version']);
    return undefined;
  } catch {
    return 'there is no prometheus-alertmanager with amtool; on Debian: apt-get install prometheus-alertmanager';
  }
}

export interface AlertmanagerOptions {
  readonly groupInterval?: string;
  /** One of several peers, each with a port for their gossip. */
  readonly cluster?: { readonly port: number; readonly peers: readonly number[]; readonly peerTimeout: string };
  /** Default: its own address. */
  readonly externalUrl?: string;
}

export async function startAlertmanager(
  receiver: { url: string; token: string },
  { groupInterval = '1s', cluster, externalUrl }: AlertmanagerOptions = {},
): Promise<Alertmanager> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-alertmanager-'));
  const port = await freePort();
  const config = join(directory, 'alertmanager.yml');
  const yaml = {
    route: {
      receiver: 'watchbell',
      group_by: ['alertname'],
      group_wait: '1s',
      group_interval: groupInterval,
      repeat_interval: '1h',
    },
    receivers: [
      {
        name: 'watchbell',
        webhook_configs: [
          { url: receiver.url, send_resolved: true, http_config: { authorization: { credentials: receiver.token } } },
        ],
      },
    ],
  };
  await writeFile(config, JSON.stringify(yaml));
  const gossip = cluster
    ? [
        `--cluster.listen-address=127.0.0.1:${cluster.port}`,
        `--cluster.advertise-address=127.0.0.1:${cluster.port}`,
        ...cluster.peers.map((peer) => `--cluster.peer=127.0.0.1:${peer}`),
        `--cluster.peer-timeout=${cluster.peerTimeout}`,
      ]
    : ['--cluster.listen-address='];
  const child = spawn(
    'prometheus-alertmanager',
    [
      `--config.file=${config}`,
      `--storage.path=${directory}/data`,
      `--web.listen-address=127.0.0.1:${port}`,
      ...(externalUrl === undefined ? [] : [`--web.external-url=${externalUrl}`, '--web.route-prefix=/']),
      ...gossip,
    ],
    { stdio: 'ignore' },
  );
  const stop = (): void => void child.kill('SIGKILL');
  process.once('exit', stop);
  const url = `http://127.0.0.1:${port}`;
  for (const deadline = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    if (
      await fetch(`${url}/-/ready`).then(
        (response) => response.ok,
        () => false,
      )
    )
      break;
    if (Date.now() > deadline) throw new Error('Alertmanager did not start');
  }
  return {
    url,
    async alert(labels, { annotations = {}, ended = false, startedAt = new Date(Date.now() - 60_000) } = {}) {
      const pairs = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
      const notes = Object.entries(annotations).map(([name, value]) => `--annotation=${name}=${value}`);
      const end = new Date(ended ? Date.now() - 100 : Date.now() + 3_600_000).toISOString();
      await run('amtool', [
        'alert',
        'add',
        `--alertmanager.url=${url}`,
        `--start=${startedAt.toISOString()}`,
        `--end=${end}`,
        ...notes,
        ...pairs,
      ]);
    },
    async stop() {
      process.off('exit', stop);
      child.kill('SIGKILL');
      await rm(directory, { recursive: true, force: true });
    },
  };
}
