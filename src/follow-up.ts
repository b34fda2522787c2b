import type { Connections } from './connections/connections.ts';
import type { Changes } from './dispatch/changes.ts';
import type { Dispatcher } from './dispatch/dispatcher.ts';
import type { AfterCommit } from './events/after-commit.ts';
import type { Committed } from './events/committed.ts';
import type { Accepted } from './events/event.ts';
import type { Metrics } from './metrics.ts';
import type { Notifier, ChangedRoom } from './replicas/notifier.ts';
import type { TaskRunner } from './tasks/runner.ts';
import type { Ticker } from './timers/ticker.ts';
import type { StoredWebChat } from './web/chat-store.ts';

export interface FollowUpParts {
  readonly dispatcher: Dispatcher;
  readonly ticker: Ticker;
  readonly tasks: TaskRunner;
  readonly connections: Connections;
  readonly notifier: Notifier;
  readonly changes: Changes;
  readonly webChat: StoredWebChat;
  readonly metrics: Metrics;
  /** The connector whose rooms the pages show. */
  readonly webConnector: string | undefined;
}

/** Wakes the parts that must act after a commit, here and, through NOTIFY, on other replicas. */
export class FollowUp implements AfterCommit {
  readonly #parts: () => FollowUpParts;

  /** `parts` is called each time, because they are created after this, and the web connector changes with the configuration. */
  constructor(parts: () => FollowUpParts) {
    this.#parts = parts;
  }

  eventsAccepted(events: readonly Accepted[]): void {
    this.#parts().dispatcher.wake(events);
  }

  urgentAccepted(events: readonly Accepted[]): void {
    this.#parts().dispatcher.wakeFirst(events);
  }

  acceptingCaughtUp(): void {
    this.#parts().dispatcher.wake([]);
  }

  outboxWritten({ rooms, timersAt, tasks: hasTasks, events, observed }: Committed): void {
    const { connections, notifier, ticker, tasks, dispatcher, metrics } = this.#parts();
    if (rooms.length > 0) {
      for (const room of rooms) connections.wake(room);
      notifier.changed(rooms);
    }
    if (timersAt) ticker.wakeAt(timersAt);
    if (hasTasks) tasks.wake();
    if (events.length > 0) dispatcher.wake(events);
    for (const { histogram, value } of observed) metrics.ofSkills.get(histogram)?.observe(value);
  }

  answersChanged(skill: string, queries: readonly string[]): void {
    this.#parts().changes.committed(skill, queries);
  }

  pageChanged(connector: string, room: string): void {
    const { notifier } = this.#parts();
    this.#showPage(connector, room);
    notifier.changed([{ connector, room, notBefore: null, queue: 1 }]);
  }

  /** Another replica has committed; `all`: anything may have changed. */
  changedElsewhere(changes: readonly ChangedRoom[] | 'all'): void {
    const { connections } = this.#parts();
    if (changes === 'all') return connections.wakeAll();
    for (const changed of changes) {
      connections.wake(changed);
      this.#showPage(changed.connector, changed.room);
    }
  }

  #showPage(connector: string, room: string): void {
    const { webChat, webConnector } = this.#parts();
    if (connector === webConnector) webChat.changed(room);
  }
}
