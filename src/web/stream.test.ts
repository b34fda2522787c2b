import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { until } from '../http/testing-server.ts';
import { MemoryWebChat } from './memory-web-chat.ts';
import { createStreams } from './stream.ts';

const BEAT_MS = 20;
/** More than the socket buffers of both sides, so that data is buffered in the process. */
const BIG = 'x'.repeat(12_000_000);

let chat: MemoryWebChat;
let server: Server;
let isSignedIn: boolean;
/** Result of each request for a stream, in order. */
let opened: boolean[];
let unread: (() => number)[];
const sockets: Socket[] = [];

async function start(beatMs?: number): Promise<void> {
  chat = new MemoryWebChat();
  [isSignedIn, opened, unread] = [true, [], []];
  const streams = createStreams(chat, beatMs);
  const app = express().get('/:session', async (request, response) => {
    unread.push(() => response.writableLength);
    const session = { id: request.params.session, isSignedIn: async () => isSignedIn };
    const isOpen = await streams.open('ops', response, session);
    opened.push(isOpen);
    if (!isOpen) response.status(503).end();
  });
  server = createServer(app);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
}
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise((closed) => server.close(closed));
});

/** A client that sends a request but does not read. */
function openUnread(session: string): Socket {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  sockets.push(socket);
  socket.pause().on('error', () => {});
  socket.write(`GET /${session} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  return socket;
}

test('a session may have 20 open pages, and all sessions 200; leaving frees a place', async () => {
  await start();
  for (let count = 0; count < 25; count++) openUnread('one');
  await until('the first session has its pages', () => opened.length === 25);
  expect(opened.filter(Boolean)).toHaveLength(20);
  for (let count = 0; count < 275; count++) openUnread(`s${count % 20}`);
  await until('all were answered', () => opened.length === 300);
  expect(opened.filter(Boolean)).toHaveLength(200);
  for (const socket of sockets.splice(0)) socket.destroy();
  await until('all have left', () => chat.readersOf('ops') === 0);
  openUnread('one');
  await until('a place is free again', () => opened.length === 301);
  expect(opened.at(-1)).toBe(true);
});

test('a client that does not read gets nothing more, and later the current state', async () => {
  await start();
  chat.show('ops', 'm1', BIG);
  const socket = openUnread('one');
  await until('it is open', () => opened.length === 1);
  const [waits] = unread;
  const before = waits?.() ?? 0;
  for (let count = 0; count < 50; count++) chat.show('ops', 'm2', `change ${count} ${'y'.repeat(100_000)}`);
  expect(waits?.()).toBe(before);
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.resume();
  await until('it has caught up', () => heard.includes('change 49'));
  expect(heard).not.toContain('change 48');
});

test('a client that reads nothing between two heartbeats is disconnected', async () => {
  await start(BEAT_MS);
  chat.show('ops', 'm1', BIG);
  openUnread('one');
  await until('it is open', () => opened.length === 1);
  await until('it was disconnected', () => chat.readersOf('ops') === 0);
});

test('a stream ends with its session', async () => {
  await start(BEAT_MS);
  const socket = openUnread('one');
  let heard = '';
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
  socket.resume();
  await until('it beats', () => heard.includes('event: beat'));
  isSignedIn = false;
  await until('it has ended', () => chat.readersOf('ops') === 0);
});
