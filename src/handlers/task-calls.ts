import { randomUUID } from 'node:crypto';
import type { Context } from '../contract/context.ts';
import { cancelTask, writeKeyedTask } from '../tasks/task.ts';
import type { ContextSource } from './context-source.ts';

/** The context's methods for tasks. A task without a key is written with everything else; one with a key at once. */
export function taskCalls(
  { loaded, transaction, outbox, now }: ContextSource,
  assertActive: () => void,
): Pick<Context<unknown>, 'task' | 'cancelTask'> {
  const skill = loaded.skill.name;
  return {
    task: async (name, payload, { key } = {}) => {
      assertActive();
      if (!loaded.skill.tasks?.[name]) throw new Error(`the skill "${skill}" has no task "${name}"`);
      const task = { id: randomUUID(), skill, name, payload: JSON.stringify(payload ?? null) };
      if (key === undefined) {
        outbox.task(task);
        return { id: task.id };
      }
      outbox.wakeTasks();
      return { id: await writeKeyedTask(transaction.query, { ...task, key }) };
    },
    cancelTask: async (key) => {
      assertActive();
      const task = await cancelTask(transaction.query, skill, key);
      if (!task) return 'none';
      outbox.wakeTasks();
      if (!task.never_ran) return 'running';
      const reason = 'it was cancelled before it started';
      const base = { id: task.id, payload: JSON.parse(task.payload) as unknown, startedAt: now };
      outbox.event({
        ...{ source: 'task', sourceId: task.id, kind: 'task', skill, name: task.name, happenedAt: now },
        lane: `${skill}:task:${task.id}`,
        payload: JSON.stringify({ ...base, ok: false, cancelled: true, unknown: false, reason }),
      });
      return 'cancelled';
    },
  };
}
