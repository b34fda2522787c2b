import type { IncomingEvent } from '../connector.ts';
import { required, type Suite } from './subject.ts';

/** Requests from the platform: verified, stored and only then answered, by a connector that was never started. */
export function describeRoutes(suite: Suite): void {
  const needs = { world: ['post to routes'] } as const;
  const notStarted = { started: false };

  suite.test(
    'a genuine request is an event with the same id each time, and is answered once it is stored',
    needs,
    async ({ world, connector }) => {
      const { path, genuine, event } = await required(world.posted)('hello');
      const route = required(connector.routes?.find((one) => one.path === path));
      const accepted: IncomingEvent[] = [];
      const accept = async (events: readonly IncomingEvent[]): Promise<void> => void accepted.push(...events);
      for (let times = 0; times < 2; times++)
        expect(await route.handle(genuine, accept)).toMatchObject({ status: 200 });
      expect(accepted).toMatchObject([event, event]);
      expect(accepted[0]?.id).toBe(accepted[1]?.id);
    },
    notStarted,
  );

  suite.test(
    'a forged request is rejected and is not an event',
    needs,
    async ({ world, connector }) => {
      const { path, forged } = await required(world.posted)('hello');
      const route = required(connector.routes?.find((one) => one.path === path));
      const accept = (): Promise<void> => Promise.reject(new Error('it was accepted'));
      const { status } = await route.handle(forged, accept);
      expect([401, 403]).toContain(status);
    },
    notStarted,
  );

  suite.test(
    'a request that cannot be stored is not answered with success',
    needs,
    async ({ world, connector }) => {
      const { path, genuine } = await required(world.posted)('hello');
      const route = required(connector.routes?.find((one) => one.path === path));
      const accept = (): Promise<void> => Promise.reject(new Error('the database is unreachable'));
      const status = await route.handle(genuine, accept).then(
        (answer) => answer.status,
        () => 503,
      );
      expect(status).toBeGreaterThanOrEqual(500);
    },
    notStarted,
  );
}
