/**
 * The contract between the core and one account on one chat platform. A connector imports only this and its SDK.
 * `conformance.ts` is the contract as tests; docs/writing-a-connector.md explains it.
 */
export type { Capabilities } from './contract/capabilities.ts';
export type { Connector, Conversation, Finding, Member, RenderOptions } from './contract/connector.ts';
export { Gone, Moved, RateLimited, Rejected, Unauthorised, Unreachable } from './contract/failures.ts';
export type { ConnectorHost, ConnectorLog } from './contract/host.ts';
export type { IncomingEvent, Sender } from './contract/incoming-event.ts';
export type { JsonObject, JsonValue } from './contract/json.ts';
export { keyText } from './contract/operation.ts';
export type { FileContent, InteractionTarget, Operation, Part, Receiver, RequestKey } from './contract/operation.ts';
export type { ConnectorEnvironment, Platform, SecretReference } from './contract/platform.ts';
export type { ManifestKind, PlatformSetup, SetupField, SetupQuestion } from './contract/setup.ts';
export type { Route, RouteAnswer, RouteRequest } from './contract/route.ts';
export type { Action, Message } from '../chat/message.ts';
