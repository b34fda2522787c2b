/**
 * The public API for skills. Skills import this as `#skill`, and their own folder, nothing else.
 *
 * A skill declares what it handles; its handlers read and write rows inside one transaction and set what rooms
 * show. Nothing is visible before the transaction commits, and a handler may run more than once:
 * only the run that commits counts. So handlers never call other systems; use tasks for that.
 */
export { z } from 'zod';
export { cut } from './chat/cut.ts';
export { formatDuration, parseDuration } from './chat/duration.ts';
export { escape, quote } from './chat/message.ts';
export type { Action, FileRef, Image, Link, Mention, Message, MessageLike, RoomAddress, Tone } from './chat/message.ts';
export { formatTime } from './chat/time.ts';
export { matchesWildcard } from './chat/wildcard.ts';
export { didYouMean } from './config/nearest.ts';
export type { Abilities, Exec, ExecResult, Http, Need } from './contract/abilities.ts';
export type { Actor, CommandClass, Visibility } from './contract/actor.ts';
export type { Command, CommandArgs, Commands, Handled, Pattern } from './contract/command.ts';
export type { CommandContext, Context, NotifyOptions, PostOptions, Shown, TaskReference } from './contract/context.ts';
export type { DeliveryReport } from './contract/delivery-report.ts';
export { defineEvent } from './contract/event-type.ts';
export type { EventType } from './contract/event-type.ts';
export { on } from './contract/listener.ts';
export type { Listener } from './contract/listener.ts';
export type {
  OnCall,
  Override,
  OverrideRequest,
  People,
  PeopleAndSchedules,
  PeopleOnCall,
  Person,
} from './contract/people.ts';
export type { Program, ProgramCommand, ProgramDatabase, ProgramFlag } from './contract/program.ts';
export { defineQuery, listByKey, listInput, listOf, listOutput } from './contract/query.ts';
export type { List, Query, QueryContext } from './contract/query.ts';
export type { Room } from './contract/room.ts';
export type { SecretRef } from './contract/secret.ts';
export { defineServiceEvent } from './contract/service.ts';
export type { EmitOptions, Finding, Service, ServiceEvent, ServiceRun } from './contract/service.ts';
export { defineSkill } from './contract/skill.ts';
export type { Gauge, Histogram, Names, Problem, Skill } from './contract/skill.ts';
export type { Json, Sql } from './contract/sql.ts';
export { defineTask } from './contract/task.ts';
export type { Found, Member, Task, TaskChat, TaskOutcome, TaskReport, TaskRun } from './contract/task.ts';
export { defineTimer } from './contract/timer.ts';
export type { Cron, Schedule, Timer, TimerFired } from './contract/timer.ts';
export type { Verification, Webhook, WebhookCall, WebhookRequest } from './contract/webhook.ts';
export { CommandError, messageOf, NothingDone, StartFailed } from './errors.ts';
export type { Log } from './log.ts';
export { nextTick } from './timers/next-tick.ts';
