import type { Json, JsonMap } from '../json.ts';
import { Refusal } from '../refusal.ts';

/** The arguments of a method call: form strings, or JSON. */
export class Arguments {
  private readonly given: JsonMap;
  constructor(given: JsonMap) {
    this.given = given;
  }

  text(name: string): string {
    const value = this.given[name];
    if (typeof value === 'number' || typeof value === 'boolean') return String(value);
    return typeof value === 'string' ? value : '';
  }

  has(name: string): boolean {
    return this.given[name] !== undefined && this.given[name] !== null;
  }

  /** @throws {Refusal} */
  required(name: string): string {
    const value = this.text(name);
    if (value !== '') return value;
    throw new Refusal('invalid_arguments', {
      response_metadata: { messages: [`[ERROR] missing required field: ${name}`] },
    });
  }

  flag(name: string): boolean {
    return ['true', '1'].includes(this.text(name));
  }

  /** @throws {Refusal} if it is not a number within bounds. */
  count(name: string, usual: number, max: number): number {
    if (!this.has(name)) return usual;
    const count = Number(this.text(name));
    if (!Number.isSafeInteger(count) || count < 1 || count > 1000) throw new Refusal('invalid_limit');
    return Math.min(count, max);
  }

  /** @throws {Refusal} if it is not a timestamp. */
  ts(name: string): string {
    const value = this.text(name);
    if (value !== '' && !/^\d{1,12}(\.\d{1,6})?$/.test(value)) throw new Refusal(`invalid_ts_${name}`);
    return value;
  }

  /** As JSON, or as a string that contains it. @throws {Refusal} `error`. */
  json(name: string, error: string): Json | undefined {
    const value = this.given[name];
    if (typeof value !== 'string') return value ?? undefined;
    if (value === '') return undefined;
    try {
      return JSON.parse(value) as Json;
    } catch {
      throw new Refusal(error);
    }
  }

  /** `U1,U2`, or a JSON list. */
  names(name: string): string[] {
    const value = this.given[name];
    const all = Array.isArray(value) ? value.map(String) : this.text(name).split(',');
    return all.map((one) => one.trim()).filter((one) => one !== '');
  }
}
