import type { IncomingEvent } from '../connector.ts';
import { must, type Suite } from './subject.ts';

/** What a platform posts: verified, stored, and only then answered, by a connector that was never started. */
export function describeRoutes(suite: Suite): void {
  const needs = { world: ['post to routes'] } as const;
  const notStarted = { started: false };

  suite.test(
    'what is genuine is an event, under the same id each time it comes, and is answered once it is stored',
    needs,
    async ({ world, connector }) => {
      const { path, genuine, event } = await must(world.posted)('hello');
      const route = must(connector.routes?.find((one) => one.path === path));
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
    'what somebody else posts is refused, and nothing of it is an event',
    needs,
    async ({ world, connector }) => {
      const { path, forged } = await must(world.posted)('hello');
      const route = must(connector.routes?.find((one) => one.path === path));
      const accept = (): Promise<void> => Promise.reject(new Error('it was accepted'));
      const { status } = await route.handle(forged, accept);
      expect([401, 403]).toContain(status);
    },
    notStarted,
  );

  suite.test(
    'what cannot be stored is not answered as if it were',
    needs,
    async ({ world, connector }) => {
      const { path, genuine } = await must(world.posted)('hello');
      const route = must(connector.routes?.find((one) => one.path === path));
      const accept = (): Promise<void> => Promise.reject(new Error('the database is away'));
      const status = await route.handle(genuine, accept).then(
        (answer) => answer.status,
        () => 503,
      );
      expect(status).toBeGreaterThanOrEqual(500);
    },
    notStarted,
  );
}
