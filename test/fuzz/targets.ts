import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type fc from 'fast-check';
import alerts from '../../skills/alerts/index.ts';
import coffee from '../../skills/coffee/index.ts';
import countdown from '../../skills/countdown/index.ts';
import type { NumberedAlert } from '../../skills/alerts/alert.ts';
import { alertMessage } from '../../skills/alerts/message.ts';
import { alertOptions } from '../../skills/alerts/options.ts';
import { readNotification } from '../../skills/alerts/notification.ts';
import { keep, laneOf, reject } from '../../skills/alerts/payload.ts';
import { loadContent } from '../../src/config/load.ts';
import { PLATFORMS } from '../../src/connectors/platforms.ts';
import { createSecrets, SecretMissing } from '../../src/config/secrets.ts';
import { renderMatrix } from '../../src/connectors/matrix/render.ts';
import { markdownToHtml } from '../../src/chat/html.ts';
import { markdownToPlain } from '../../src/chat/markdown.ts';
import { addressed } from '../../src/commands/addressing.ts';
import { CommandIndex } from '../../src/commands/command-index.ts';
import { parseJson } from '../../src/http/json.ts';
import { startTestServer } from '../../src/http/testing-server.ts';
import { body, configuration, hostileText, request } from './inputs.ts';

/** An entry point for external text. `run` throws on anything that must not happen. */
export interface Target {
  readonly name: string;
  readonly input: fc.Arbitrary<string>;
  run(input: string): void | Promise<void>;
  close?(): Promise<void>;
}

const skills = [alerts, coffee, countdown] as const;
const look = {
  options: alertOptions.parse({ message: { links: { logs: 'https://logs.example.org/{pod}?ns={namespace}' } } })
    .message,
  timeZone: 'Europe/Berlin',
  now: new Date('2026-01-05T10:00:00Z'),
};

/** From the bytes of a webhook to the messages about its alerts. */
const webhookBodies: Target = {
  name: 'webhook bodies',
  input: body,
  run(input) {
    const parsed = parseJson(input);
    if ('problem' in parsed || reject(parsed.value) !== undefined) return;
    laneOf(parsed.value, 'prod');
    for (const part of keep(parsed.value)) {
      const { reports } = readNotification(JSON.parse(JSON.stringify(part)), { cluster: 'prod' });
      for (const report of reports) renderMatrix(alertMessage(alertOf(report), look), { ring: true } as never);
    }
  },
};

function alertOf(report: ReturnType<typeof readNotification>['reports'][number]): NumberedAlert {
  return {
    ...report,
    id: 1,
    number: 12,
    source: 'prod',
    severity: 'critical',
    phase: report.status === 'firing' ? 'firing' : 'resolved',
    name: report.labels['alertname'] ?? '',
    weekCount: 4,
    ack: null,
    places: [],
    receivers: [],
    startedAt: report.startsAt ?? look.now,
    reportedStart: report.startsAt,
    endedAt: report.endsAt,
    lastEndsAt: null,
    firingReceivedAt: look.now,
    resolvedReceivedAt: null,
    firingOrder: 1,
    resolvedOrder: null,
  } as unknown as NumberedAlert;
}

function chatLines(): Target {
  const index = new CommandIndex(skills as never);
  return {
    name: 'chat lines',
    input: hostileText(8000),
    run(input) {
      for (const mentionsBot of [false, true]) {
        const addressing = addressed({ text: input, mentionsBot, direct: mentionsBot }, ['watchbell', 'İzleme']);
        if (addressing.to === 'nobody') continue;
        if (index.find(addressing.text).found === 'nothing') index.nearest(addressing.text, index.all);
      }
      markdownToPlain(input);
      markdownToHtml(input);
      renderMatrix({ title: input.slice(0, 200), text: input }, { ring: true } as never);
    },
  };
}

const configurations: Target = {
  name: 'configuration files',
  input: configuration,
  run(input) {
    const result = loadContent(input, 'watchbell.yaml', {
      skills: [...skills] as never,
      platforms: PLATFORMS,
      env: {},
    });
    if (!result.ok && result.problems.length === 0) throw new Error('rejected without a problem');
  },
};

async function secrets(): Promise<Target> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-fuzz-'));
  let nowMs = 0;
  const read = createSecrets({ directory, env: {}, nowMs: () => (nowMs += 5000) });
  return {
    name: 'secrets',
    input: hostileText(70_000),
    async run(input) {
      await writeFile(join(directory, 'token'), input);
      try {
        const value = await read.read({ file: 'token' });
        // An accepted secret can be sent in a header.
        new Headers({ authorization: `Bearer ${Buffer.from(value).toString('latin1')}` });
      } catch (error) {
        if (!(error instanceof SecretMissing)) throw new Error('an invalid secret was accepted', { cause: error });
        if (input.length > 20 && error.message.includes(input.slice(0, 20))) throw new Error('a secret is quoted');
      }
    },
    close: () => rm(directory, { recursive: true }),
  };
}

async function requests(): Promise<Target> {
  const { server, url, end } = await startTestServer();
  const { port } = new URL(url);
  return {
    name: 'HTTP requests',
    input: request,
    async run(input) {
      const answer = await exchange(Number(port), input);
      const status = /^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1];
      // Node itself cuts connections that are not HTTP; everything else is answered, and never with an internal error.
      if (status !== undefined && status.startsWith('5') && status !== '503') throw new Error(`answered ${status}`);
      if (!server.port) throw new Error('the server has stopped');
    },
    close: async () => {
      await end();
    },
  };
}

/** The server's response until it closes the connection or stops sending. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.end(text));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNREFUSED' ? reject(error) : resolve(Buffer.concat(chunks).toString('latin1')),
    );
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

export async function createTargets(): Promise<readonly Target[]> {
  return [webhookBodies, chatLines(), configurations, await secrets(), await requests()];
}
