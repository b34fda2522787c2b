import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import type { WebSocket } from 'ws';
import { map } from './json.ts';
import type { Json, JsonMap } from './json.ts';
import type { Delivered, Envelope, Retry } from './outbox.ts';

const MAX_SOCKETS = 10;
const PING_EVERY_MS = 5000;

export type DisconnectReason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets';

interface Waiting {
  readonly socket: WebSocket;
  readonly settle: (delivered: Delivered) => void;
}

/** Socket Mode: each envelope goes to one of the open sockets. */
export class Sockets {
  private readonly appId: string;
  private readonly ackTimeoutMs: number;
  // Pongs are sent here, so that they can be suppressed.
  private readonly server = new WebSocketServer({ noServer: true, autoPong: false });
  private readonly open: WebSocket[] = [];
  private readonly tickets = new Set<string>();
  private readonly waiting = new Map<string, Waiting>();
  private next = 0;
  private isSilent = false;

  constructor(appId: string, ackTimeoutMs: number) {
    this.appId = appId;
    this.ackTimeoutMs = ackTimeoutMs;
  }

  count(): number {
    return this.open.length;
  }

  /** A ticket for one connection. */
  newTicket(): string {
    const ticket = randomUUID();
    this.tickets.add(ticket);
    return ticket;
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const query = new URL(request.url ?? '', 'http://fake').searchParams;
    if (!this.tickets.delete(query.get('ticket') ?? '')) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\n\r\n');
      return;
    }
    this.server.handleUpgrade(request, socket, head, (webSocket) => this.accept(webSocket));
  }

  /** Tells every client to reconnect, and closes the connections a little later. */
  disconnect(reason: DisconnectReason, closeAfterMs = 50): void {
    for (const socket of [...this.open]) {
      socket.send(JSON.stringify({ type: 'disconnect', reason, debug_info: { host: 'fake' } }));
      this.forget(socket);
      setTimeout(() => socket.close(1000), closeAfterMs).unref();
    }
  }

  /** Cuts every connection without a close frame. */
  cut(): void {
    for (const socket of [...this.open]) socket.terminate();
  }

  /** Sends a frame unchanged to every client. */
  sendRaw(frame: string): void {
    for (const socket of this.open) socket.send(frame);
  }

  /** While on, connections stay open but carry nothing, not even pongs. */
  silence(isSilent: boolean): void {
    this.isSilent = isSilent;
  }

  async deliver(envelope: Envelope, retry: Retry | undefined): Promise<Delivered> {
    const socket = this.open[this.next % Math.max(1, this.open.length)];
    this.next += 1;
    if (!socket) return { ok: false, reason: 'connection_failed' };
    const id = randomUUID();
    const acknowledged = new Promise<Delivered>((resolve) => {
      const settle = (delivered: Delivered): void => {
        clearTimeout(timer);
        this.waiting.delete(id);
        resolve(delivered);
      };
      const timer = setTimeout(() => settle({ ok: false, reason: 'timeout' }), this.ackTimeoutMs).unref();
      this.waiting.set(id, { socket, settle });
    });
    const isEvent = envelope.kind === 'events_api';
    const sent: JsonMap = {
      envelope_id: id,
      payload: envelope.payload,
      type: envelope.kind,
      accepts_response_payload: !isEvent,
      ...(isEvent ? { retry_attempt: retry?.attempt ?? 0, retry_reason: retry?.reason ?? '' } : {}),
    };
    if (!this.isSilent) socket.send(JSON.stringify(sent));
    return await acknowledged;
  }

  private accept(socket: WebSocket): void {
    if (this.open.length >= MAX_SOCKETS) {
      socket.send(JSON.stringify({ type: 'disconnect', reason: 'too_many_websockets', debug_info: { host: 'fake' } }));
      socket.close(1000);
      return;
    }
    this.open.push(socket);
    const pings = setInterval(() => {
      if (!this.isSilent) socket.ping('Ping from applink');
    }, PING_EVERY_MS).unref();
    socket.on('ping', (data) => {
      if (!this.isSilent) socket.pong(data);
    });
    socket.on('message', (data) => this.receive(String(data as Buffer)));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(pings);
      this.forget(socket);
    });
    const hello = {
      type: 'hello',
      num_connections: this.open.length,
      debug_info: { host: 'fake', build_number: 1, approximate_connection_time: 18_060 },
      connection_info: { app_id: this.appId },
    };
    socket.send(JSON.stringify(hello));
  }

  private receive(words: string): void {
    if (this.isSilent) return;
    let said: JsonMap;
    try {
      said = map(JSON.parse(words) as Json);
    } catch {
      return;
    }
    const waiting = this.waiting.get(String(said['envelope_id']));
    waiting?.settle({ ok: true, response: map(said['payload']) });
  }

  /** Stops deliveries to a socket. Once it is closed, its unacknowledged envelopes have failed. */
  private forget(socket: WebSocket): void {
    const index = this.open.indexOf(socket);
    if (index >= 0) this.open.splice(index, 1);
    if (socket.readyState === socket.OPEN) return;
    for (const { socket: its, settle } of [...this.waiting.values()])
      if (its === socket) settle({ ok: false, reason: 'connection_closed' });
  }
}
