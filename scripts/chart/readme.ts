import { z } from 'zod';
import type { JsonSchema } from '../../src/config/reference.ts';
import { valuesSchema } from './values.ts';

/** One row per value: its meaning (from the schema) and its default (from values.yaml). */
export function valuesTable(values: unknown): string {
  const schema = z.toJSONSchema(valuesSchema, { io: 'input' }) as JsonSchema;
  return ['| value | meaning | default |', '|---|---|---|', ...rows(schema, values, '')].join('\n');
}

function rows(schema: JsonSchema, values: unknown, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]) => {
    const path = prefix === '' ? key : `${prefix}.${key}`;
    const value = isMap(values) ? values[key] : undefined;
    if (value === undefined) throw new Error(`values.yaml lacks ${path}`);
    if (inner.properties) {
      const heading = inner.description === undefined ? [] : [`| **${path}** | ${cell(inner.description)} | |`];
      return [...heading, ...rows(inner, value, path)];
    }
    return [`| \`${path}\` | ${cell(inner.description ?? '')} | \`${cell(JSON.stringify(value))}\` |`];
  });
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
