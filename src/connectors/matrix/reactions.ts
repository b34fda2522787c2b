import type { ConnectorEnvironment, JsonValue } from '../connector.ts';

/** What a reaction was: its redaction says only its id, and its content is gone by then. */
export interface Reaction {
  readonly target: string;
  readonly emoji: string;
  readonly sender: string;
}

const KEPT = 300;
const STATE_KEY = 'reactions';

/**
 * The last reactions of people, kept beside the cursor: a redacted reaction cannot be read again from the server, so
 * taking a tap back after a restart could otherwise not be understood. A tap older than the last 300 is not known.
 */
export class Reactions {
  private readonly reactions = new Map<string, Reaction>();
  private readonly state: ConnectorEnvironment['state'];
  private changed = false;

  private constructor(state: ConnectorEnvironment['state']) {
    this.state = state;
  }

  static async load(state: ConnectorEnvironment['state']): Promise<Reactions> {
    const reactions = new Reactions(state);
    const stored = await state.get(STATE_KEY);
    for (const entry of Array.isArray(stored) ? stored : []) {
      const [id, target, emoji, sender] = Array.isArray(entry) ? (entry as JsonValue[]) : [];
      if (
        typeof id === 'string' &&
        typeof target === 'string' &&
        typeof emoji === 'string' &&
        typeof sender === 'string'
      )
        reactions.reactions.set(id, { target, emoji, sender });
    }
    return reactions;
  }

  add(id: string, tap: Reaction): void {
    if (this.reactions.has(id)) return;
    this.reactions.set(id, tap);
    for (const oldest of this.reactions.keys()) {
      if (this.reactions.size <= KEPT) break;
      this.reactions.delete(oldest);
    }
    this.changed = true;
  }

  get(id: string): Reaction | undefined {
    return this.reactions.get(id);
  }

  /** Writes what was added; to be called before the batch that holds the reactions is received. */
  async save(): Promise<void> {
    if (!this.changed) return;
    await this.state.set(
      STATE_KEY,
      [...this.reactions].map(([id, { target, emoji, sender }]) => [id, target, emoji, sender]),
    );
    this.changed = false;
  }
}
