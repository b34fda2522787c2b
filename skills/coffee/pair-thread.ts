import { parentPort, workerData } from 'node:worker_threads';
import { pairRound } from './pairing.ts';
import type { RoundInput } from './roster.ts';

parentPort?.postMessage(pairRound(workerData as RoundInput));
