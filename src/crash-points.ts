/**
 * Points at which a crash matters. The program calls a hook at each; a test passes in a hook that kills the process
 * there. In production the hook does nothing.
 */
export type CrashPoint =
  | 'accept.before-commit'
  | 'accept.after-commit'
  | 'handle.before-commit'
  | 'handle.after-commit'
  | 'fail.after-commit'
  | 'receive.before-commit'
  | 'receive.after-commit'
  | 'delivery.before-attempt'
  | 'delivery.after-attempt'
  | 'delivery.after-send'
  | 'delivery.after-record'
  | 'fold.after-commit'
  | 'timer.after-fire'
  | 'task.after-claim'
  | 'task.after-run'
  | 'task.after-report'
  | 'task.after-cancel'
  | 'task.after-result'
  | 'service.after-emit'
  | 'lease.after-acquire';

export const CRASH_POINTS: readonly CrashPoint[] = [
  'accept.before-commit',
  'accept.after-commit',
  'handle.before-commit',
  'handle.after-commit',
  'fail.after-commit',
  'receive.before-commit',
  'receive.after-commit',
  'delivery.before-attempt',
  'delivery.after-attempt',
  'delivery.after-send',
  'delivery.after-record',
  'fold.after-commit',
  'timer.after-fire',
  'task.after-claim',
  'task.after-run',
  'task.after-report',
  'task.after-cancel',
  'task.after-result',
  'service.after-emit',
  'lease.after-acquire',
];

export type CrashHook = (step: CrashPoint) => void;
