/**
 * The contract in `connector.ts` as tests: every connector's test calls `describeConnector`. Uses Jest's globals. A test that
 * needs a capability the connector does not declare is skipped, with the reason in its name.
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
