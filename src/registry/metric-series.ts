import type { Metrics } from '../metrics.ts';
import { webhookSources, type Registry } from './registry.ts';

/** What `source` says besides a connector's name. */
const EVENT_SOURCES = ['webhook', 'timer', 'task', 'cron', 'service', 'emit', 'fate', 'cli', 'api'];
const EVENT_RESULTS = ['ok', 'failed'];
/** Of what people say also: */
const SAID_RESULTS = ['ignored', 'invalid', 'denied', 'cancelled', 'wrong'];
const WEBHOOK_CODES = ['200', '400', '401', '413', '415', '499', '503'];
/** Of an address that nothing is known of. */
const OTHER_CODES = ['404', '405', '503'];
const COMMAND_RESULTS = ['ok', 'invalid', 'denied', 'failed', 'cancelled', 'wrong'];
const SEND_RESULTS = ['ok', 'rate_limited', 'gone', 'rejected', 'unauthorised', 'unreachable', 'unknown'];

/**
 * Begins the counters of everything that is configured at 0: Prometheus sees no increase in a series that is born at 1, so
 * the first failure would alert nobody. What has counted already goes on.
 */
export function beginSeries({ events, webhookRequests, commands, sends }: Metrics, registry: Registry): void {
  for (const source of [...EVENT_SOURCES, ...registry.connectors])
    for (const result of EVENT_RESULTS) events.inc({ source, result }, 0);
  for (const source of registry.connectors) for (const result of SAID_RESULTS) events.inc({ source, result }, 0);
  for (const source of webhookSources(registry))
    for (const code of WEBHOOK_CODES) webhookRequests.inc({ source, code }, 0);
  for (const code of OTHER_CODES) webhookRequests.inc({ source: 'other', code }, 0);
  for (const { skill, name: command } of registry.commands.all)
    for (const result of COMMAND_RESULTS) commands.inc({ skill, command, result }, 0);
  commands.inc({ skill: 'core', command: 'other', result: 'invalid' }, 0);
  for (const connector of registry.connectors) for (const result of SEND_RESULTS) sends.inc({ connector, result }, 0);
}
