import express from 'express';
import type { Express } from 'express';
import helmet from 'helmet';
import type { Logger } from '../log.ts';
import type { Metrics } from '../metrics.ts';
import { handleFailure, handleUnknown } from './failure.ts';
import type { Health, HealthPart } from './health.ts';

/**
 * The endpoints of the ops port. `/livez` only shows that the process responds: a lost database must not get every pod
 * killed, nor (`/readyz`) removed from the Service, because webhooks answer 503 anyway.
 */
export function createOpsApp(health: Health, metrics: Metrics, log: Logger): Express {
  const app = express().disable('x-powered-by').disable('etag');
  app.use(helmet({ strictTransportSecurity: false }));
  app.use((_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    next();
  });

  app.get('/startupz', (_request, response) => {
    const started = health.started();
    response.status(started ? 200 : 503).json({ state: started ? 'started' : 'starting' });
  });
  app.get('/livez', (_request, response) => {
    response.json({ state: 'alive' });
  });
  app.get('/readyz', (_request, response) => {
    const state = health.draining() ? 'draining' : health.started() ? 'ready' : 'starting';
    response.status(state === 'ready' ? 200 : 503).json({ state });
  });
  app.get('/healthz', (_request, response) => {
    const now = Date.now();
    const parts = Object.entries(health.parts()).map(([name, part]) => [name, describePart(part, now)] as const);
    const isHealthy = parts.every(([, part]) => part.ok);
    response
      .status(isHealthy ? 200 : 503)
      .json({ state: isHealthy ? 'healthy' : 'degraded', parts: Object.fromEntries(parts) });
  });
  app.get('/metrics', async (_request, response) => {
    response.set('Content-Type', metrics.registry.contentType).send(await metrics.registry.metrics());
  });
  app.use(handleUnknown);
  app.use(handleFailure(log));
  return app;
}

function describePart({ ok, since, detail }: HealthPart, nowMs: number) {
  return {
    ok,
    since: since.toISOString(),
    ageSeconds: Math.max(0, Math.round((nowMs - since.getTime()) / 1000)),
    ...(detail === undefined ? {} : { detail }),
  };
}
