import express from 'express';
import type { NextFunction, Request, RequestHandler, Response, Router } from 'express';
import type { Actor } from '../contract/actor.ts';
import type { Changes } from '../dispatch/changes.ts';
import type { QueryRunner } from '../dispatch/query-runner.ts';
import { sendProblem } from '../http/problem.ts';
import type { Pages } from '../http/server.ts';
import type { Registry } from '../registry/registry.ts';
import { ChangeStreams } from './change-stream.ts';
import { runOnce, STATUS as OUTCOME_STATUS, type CommandsOptions } from './commands.ts';
import { createIdentify, type IdentifyOptions } from './identify.ts';
import { openApi } from './openapi.ts';
import { transientProblem, STARTING, malformed, type Problem } from './problems.ts';

export interface ApiOptions extends IdentifyOptions {
  readonly version: string;
  readonly registry: () => Registry;
  readonly queries: QueryRunner;
  readonly commands: CommandsOptions;
  readonly changes: Changes;
  /** False: the tables may not exist yet. */
  readonly isStarted: () => boolean;
}

/** `/api/…`: the queries and commands of skills, for API tokens and signed-in people; see docs/api.md. */
export function createApi(options: ApiOptions): Pages {
  const router = express.Router();
  const identify = createIdentify(options);

  router.use('/api', (_request, response, next) => {
    response.set('Cache-Control', 'no-store');
    if (options.isStarted()) next();
    else sendApiProblem(response, STARTING);
  });
  // It reveals nothing of the configuration except the enabled skills.
  only(router, 'get', '/api/openapi.json', (_request, response) => {
    response.json(openApi(options.registry(), options.version));
  });
  router.use('/api/v1', async (request, response, next) => {
    const actor = await identify(request);
    if ('status' in actor) return sendApiProblem(response, actor);
    response.locals['asker'] = actor;
    next();
  });
  addCommands(router, options);
  const streams = new ChangeStreams({
    changes: options.changes,
    mayRun: (actor, name) => options.queries.mayRun(actor, name),
    isStillAuthenticated: async (request) => !('status' in (await identify(request))),
  });
  only(router, 'get', '/api/v1/changes', (request: Request, response: Response) => {
    const problem = streams.open(actorOf(response), request, response);
    if (problem) sendApiProblem(response, problem);
  });
  addQueries(router, options);
  router.use('/api', (error: unknown, _request: Request, response: Response, next: NextFunction) => {
    const problem = malformed(error) ?? transientProblem(error);
    if (problem && !response.headersSent) sendApiProblem(response, problem);
    else next(error);
  });
  return { handler: router, close: () => streams.close() };
}

const readJson = express.json({ limit: '64kb' });

function addCommands(router: Router, { commands }: ApiOptions): void {
  only(router, 'post', '/api/v1/commands', readJson, async (request: Request, response: Response) => {
    const answer = await runOnce(commands, actorOf(response), request);
    if ('status' in answer) sendApiProblem(response, answer);
    else response.status(OUTCOME_STATUS[answer.outcome]).json(answer);
  });
}

type AskQuery = Request<{ skill: string; query: string }>;

function addQueries(router: Router, { queries }: ApiOptions): void {
  only(router, 'get', '/api/v1/:skill/:query', async (request: AskQuery, response) => {
    const { skill, query } = request.params;
    const input = readParameters(request.query);
    if ('status' in input) return sendApiProblem(response, input);
    const outcome = await queries.ask({ actor: actorOf(response), skill, query, input: input.given });
    if (outcome.outcome === 'ok') response.json(outcome.answer);
    else sendApiProblem(response, { status: STATUS[outcome.outcome], sentence: outcome.message });
  });
}

const STATUS = { unknown: 404, missing: 404, invalid: 400, denied: 403 } as const;

function readParameters(query: Request['query']): { readonly given: Record<string, string> } | Problem {
  const given: Record<string, string> = {};
  for (const [name, value] of Object.entries(query)) {
    if (typeof value !== 'string') return { status: 400, sentence: `${name} is given more than once` };
    given[name] = value;
  }
  return { given };
}

/** Adds a route with one allowed method. */
function only<Parameters>(
  router: Router,
  method: 'get' | 'post',
  path: string,
  ...handlers: RequestHandler<Parameters>[]
): void {
  router[method](path, ...(handlers as unknown as RequestHandler[]));
  const allow = method === 'get' ? 'GET, HEAD' : 'POST';
  router.all(path, (_request, response) =>
    sendApiProblem(response, { status: 405, sentence: `use ${allow} for this address`, headers: { Allow: allow } }),
  );
}

function actorOf(response: Response): Actor {
  return response.locals['asker'] as Actor;
}

function sendApiProblem(response: Response, { status, sentence, headers }: Problem): void {
  sendProblem(response.req, response, status, sentence, headers);
}
