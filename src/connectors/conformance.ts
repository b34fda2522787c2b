/**
 * The contract of `connector.ts` as tests: every connector's own test calls `describeConnector`. Uses jest's globals. Each
 * test runs, or is skipped with the lack that its connector declares in its name.
 */
import { describeConversations } from './conformance/conversations.ts';
import { describeInteractions } from './conformance/interactions.ts';
import { describeReceiving } from './conformance/receiving.ts';
import { describeRoutes } from './conformance/routes.ts';
import { describeSending } from './conformance/sending.ts';
import { Suite, type Subject } from './conformance/subject.ts';

export type { ConnectorWorld } from './conformance/world.ts';
export type { Subject } from './conformance/subject.ts';

export function describeConnector(subject: Subject): void {
  describe(`${subject.name} keeps the contract of a connector`, () => {
    const suite = new Suite(subject);
    describeReceiving(suite);
    describeSending(suite);
    describeInteractions(suite);
    describeConversations(suite);
    describeRoutes(suite);
  });
}
