import { SocketModeReceiver } from '@slack/bolt';
import type { ReceiverEvent } from '@slack/bolt';
import { LogLevel, WebClient } from '@slack/web-api';
import type { Logger } from '@slack/web-api';
import { map } from './json.ts';
import type { JsonMap } from './json.ts';
import { createFakeSlack } from './slack.ts';
import type { FakeSlack } from './slack.ts';
import type { SlackOptions } from './types.ts';

const nothing = (): void => {};
export const logger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  setLevel: nothing,
  getLevel: () => LogLevel.ERROR,
  setName: nothing,
};

/** A client that does not retry. */
export function createClient(token: string, slackApiUrl: string): WebClient {
  return new WebClient(token, {
    slackApiUrl,
    logger,
    retryConfig: { retries: 0 },
    rejectRateLimitedCalls: true,
    timeout: 5000,
  });
}

/** A workspace with Ann, Bob and the bot in `ops`, used through Slack's own SDKs. */
export class Setting {
  readonly slack: FakeSlack;
  readonly web: WebClient;
  readonly ops: string;
  private readonly cleanups: (() => Promise<unknown>)[] = [];

  private constructor(slack: FakeSlack) {
    this.slack = slack;
    slack.admin.addUser('ann', { displayName: 'Ann Li' });
    slack.admin.addUser('bob');
    this.ops = slack.admin.addChannel('ops', { members: ['ann', 'bob', 'bell'] });
    this.web = createClient(slack.botToken, slack.apiUrl);
  }

  static async begin(options: SlackOptions = {}): Promise<Setting> {
    return new Setting(await createFakeSlack({ retryDelaysMs: [5, 60_000, 60_000], ...options }));
  }

  async end(): Promise<void> {
    for (const cleanup of this.cleanups.splice(0).reverse()) await cleanup();
    this.slack.events.close();
    await this.slack.close();
  }

  onEnd(cleanup: () => Promise<unknown>): void {
    this.cleanups.push(cleanup);
  }

  id(name: string): string {
    return this.slack.workspace.user(name).id;
  }

  post(text = 'x', more: object = {}): Promise<unknown> {
    return refusal(this.web.chat.postMessage({ channel: this.ops, text, ...more }));
  }

  /** Receives over Socket Mode and acknowledges with what `accept` returns, unless it throws. */
  async listen(
    accept: (body: JsonMap) => unknown = nothing,
  ): Promise<{ bodies: JsonMap[]; client: SocketModeReceiver['client'] }> {
    const bodies: JsonMap[] = [];
    const receiver = new SocketModeReceiver({
      appToken: this.slack.appToken,
      autoReconnectEnabled: false,
      logger,
      installerOptions: { clientOptions: { slackApiUrl: this.slack.apiUrl, retryConfig: { retries: 0 } } },
    });
    const processEvent = async (event: ReceiverEvent): Promise<void> => {
      const body = event.body as JsonMap;
      bodies.push(body);
      await event.ack((await accept(body)) as never);
    };
    receiver.init({ processEvent } as never);
    await receiver.start();
    // `receiver.stop()` does not wait for the end of the connection.
    this.onEnd(() => receiver.client.disconnect());
    return { bodies, client: receiver.client };
  }
}

export const eventsOf = (bodies: readonly JsonMap[]): JsonMap[] => bodies.map((body) => map(body['event']));

/** Slack's error code for a rejected call, or the SDK's. */
export async function refusal(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => 'accepted',
    (error: { data?: { error?: unknown }; code?: unknown }) => error.data?.error ?? error.code,
  );
}
