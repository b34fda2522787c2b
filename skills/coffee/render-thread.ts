import { parentPort, workerData } from 'node:worker_threads';
import { renderPng } from './render-png.ts';

parentPort?.postMessage(renderPng(workerData as string));
