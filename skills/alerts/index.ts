import { defineSkill, defineTimer, z, type Command } from '#skill';
import { runAck, runAckAll } from './ack-command.ts';
import { ackExpires, alertOrGroup, openAgain, remind, reminder } from './ack-timers.ts';
import { checkAlerts } from './check.ts';
import { runClose, runResolve } from './close-command.ts';
import { runDemo, sampleEnds, sampleTask } from './demo.ts';
import { openAlerts } from './gauge.ts';
import { handleNotifications } from './intake.ts';
import { runAlert, runAlerts, runPending } from './list-commands.ts';
import { alertOptions, type AlertOptions } from './options.ts';
import { keep, laneOf, reject } from './payload.ts';
import { prune } from './prune.ts';
import { queries } from './queries.ts';
import { roomsOf } from './route.ts';
import { runUnack } from './unack-command.ts';
import { unconfirmedEnd, confirmResolve } from './unconfirmed-resolve.ts';

const commands: Readonly<Record<string, Command<AlertOptions>>> = {
  alerts: { help: 'lists the open alerts here', run: runAlerts },
  'alert {ids:ids}': { help: 'shows an alert and its history', run: runAlert },
  pending: { help: 'lists the unacknowledged alerts here', run: runPending },
  'ack {ids:ids?} [for {for:duration}] {note...?}': {
    help: 'acknowledges alerts: by number, the one you reply to, or the only open one',
    class: 'respond',
    late: 'run',
    also: [
      'acknowledge {ids:ids?} [for {for:duration}] {note...?}',
      'snooze {ids:ids} [for] {for:duration} {note...?}',
    ],
    run: runAck,
  },
  'ack all {n:int?}': {
    help: 'acknowledges every open alert here, after asking',
    class: 'respond',
    also: ['acknowledge all {n:int?}'],
    run: runAckAll,
  },
  'unack {ids:ids?}': { help: 'releases alerts you acknowledged', class: 'respond', late: 'run', run: runUnack },
  'close {ids:ids?} {reason...?}': {
    help: 'takes alerts off the list until they fire again',
    class: 'act',
    run: runClose,
  },
  'resolve {ids:ids?} {reason...?}': { help: 'explains how alerts end', hidden: true, run: runResolve },
  'demo alert': { help: 'sends a sample alert through the real webhook', class: 'act', run: runDemo },
};

export default defineSkill<AlertOptions>({
  name: 'alerts',
  description: 'shows alerts from Alertmanager in rooms and gets them acknowledged',
  options: alertOptions,
  check: checkAlerts,
  rooms: (options) => roomsOf(options.route),
  commands,
  queries,
  cli: {
    alert: {
      help: 'posts a sample alert to a running bot',
      flags: [
        { flags: '--url <address>', help: 'address of the bot', default: 'http://127.0.0.1:8080' },
        {
          flags: '--source <name>',
          help: 'source in the configuration (default: the only one, else the one called default)',
        },
        { flags: '--token <token>', help: "the source's token (default: read from the configuration)" },
        { flags: '--alert-name <name>', help: 'name of the alert' },
        { flags: '--severity <severity>', help: 'severity of the alert', choices: ['critical', 'warning', 'info'] },
        { flags: '--resolved', help: 'post it as resolved' },
      ],
      run: async (program) => (await import('./cli-alert.ts')).postAlert(program),
    },
    probe: {
      help: 'posts an alert to a running bot, waits until it is shown, acknowledges and resolves it',
      flags: [
        { flags: '--url <address>', help: 'address of the bot', default: 'http://127.0.0.1:8080' },
        { flags: '--source <name>', help: 'source in the configuration (default: the first)' },
        {
          flags: '--timeout <duration>',
          help: 'timeout of each step, also of waiting for a bot that is starting',
          default: '60s',
        },
      ],
      run: async (program) => (await import('./cli-probe.ts')).probe(program),
    },
  },
  webhooks: {
    alertmanager: {
      verify: ({ sources }, source) =>
        Object.hasOwn(sources, source) ? { bearer: sources[source]?.tokens ?? [] } : undefined,
      sources: (options) => Object.keys(options.sources),
      reject,
      lane: laneOf,
      keep,
      run: handleNotifications,
    },
  },
  timers: {
    remind: defineTimer<AlertOptions, z.output<typeof reminder>>({ payload: reminder, run: remind }),
    ackExpires: defineTimer<AlertOptions, z.output<typeof alertOrGroup>>({ payload: alertOrGroup, run: ackExpires }),
    openAgain: defineTimer<AlertOptions, z.output<typeof alertOrGroup>>({ payload: alertOrGroup, run: openAgain }),
    settle: defineTimer<AlertOptions, z.output<typeof unconfirmedEnd>>({
      payload: unconfirmedEnd,
      run: confirmResolve,
    }),
    prune: defineTimer<AlertOptions, object>({ payload: z.object({}), run: prune }),
    sampleEnds,
  },
  tasks: { sample: sampleTask },
  crons: { prune: { schedule: () => '17 3 * * *', run: prune } },
  gauges: { watchbell_alerts: openAlerts },
});
