import type { ConnectorEnvironment, JsonValue } from '../connector.ts';

/** What a reaction was: its redaction says only its id, and its content is gone by then. */
export interface Tap {
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
export class Taps {
  private readonly taps = new Map<string, Tap>();
  private readonly state: ConnectorEnvironment['state'];
  private changed = false;

  private constructor(state: ConnectorEnvironment['state']) {
    this.state = state;
  }

  static async load(state: ConnectorEnvironment['state']): Promise<Taps> {
    const taps = new Taps(state);
    const stored = await state.get(STATE_KEY);
    for (const entry of Array.isArray(stored) ? stored : []) {
      const [id, target, emoji, sender] = Array.isArray(entry) ? (entry as JsonValue[]) : [];
      if (
        typeof id === 'string' &&
        typeof target === 'string' &&
        typeof emoji === 'string' &&
        typeof sender === 'string'
      )
        taps.taps.set(id, { target, emoji, sender });
    }
    return taps;
  }

  add(id: string, tap: Tap): void {
    if (this.taps.has(id)) return;
    this.taps.set(id, tap);
    for (const oldest of this.taps.keys()) {
      if (this.taps.size <= KEPT) break;
      this.taps.delete(oldest);
    }
    this.changed = true;
  }

  get(id: string): Tap | undefined {
    return this.taps.get(id);
  }

  /** Writes what was added; to be called before the batch that holds the reactions is received. */
  async save(): Promise<void> {
    if (!this.changed) return;
    await this.state.set(
      STATE_KEY,
      [...this.taps].map(([id, { target, emoji, sender }]) => [id, target, emoji, sender]),
    );
    this.changed = false;
  }
}
