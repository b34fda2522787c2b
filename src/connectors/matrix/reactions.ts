import type { ConnectorEnvironment, JsonValue } from '../connector.ts';

/** A reaction. Its redaction contains only its id, and its content is deleted by then. */
export interface Reaction {
  readonly target: string;
  readonly emoji: string;
  readonly sender: string;
}

const MAX_KEPT = 300;
const STATE_KEY = 'reactions';

/**
 * The last 300 reactions of people, stored alongside the cursor: a redacted reaction can no longer be read from the server, so removing
 * a reaction after a restart could not be understood otherwise.
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

  add(id: string, reaction: Reaction): void {
    if (this.reactions.has(id)) return;
    this.reactions.set(id, reaction);
    for (const oldest of this.reactions.keys()) {
      if (this.reactions.size <= MAX_KEPT) break;
      this.reactions.delete(oldest);
    }
    this.changed = true;
  }

  get(id: string): Reaction | undefined {
    return this.reactions.get(id);
  }

  /** Stores new reactions. Call it before the batch with the reactions is received. */
  async save(): Promise<void> {
    if (!this.changed) return;
    await this.state.set(
      STATE_KEY,
      [...this.reactions].map(([id, { target, emoji, sender }]) => [id, target, emoji, sender]),
    );
    this.changed = false;
  }
}
