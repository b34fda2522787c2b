import { z } from 'zod';
import type { Path } from './tree.ts';

/**
 * The keys that a schema accepts, read from its JSON Schema: zod neither lists the keys it knows, nor rejects
 * unknown ones in a skill that declares its options with `z.object`.
 */
export interface Shape {
  /** Keys accepted in the map at a path; `type` selects among alternatives that have one. */
  keysAt(path: Path, type?: unknown): string[];
  /** Whether `{ file }` or `{ env }` is expected there. */
  isSecret(path: Path): boolean;
  /** Keys of a value that the schema does not know. */
  unknownKeys(value: unknown): { readonly path: Path; readonly key: string }[];
  /**
   * Keys of a value that are accepted but have no effect in this release: those whose schema is marked with
   * `.meta({ noEffect: 'nobody is paged' })`, with the consequence.
   */
  keysWithoutEffect(value: unknown): { readonly path: Path; readonly because: string }[];
}

interface Schema {
  readonly $ref?: string;
  readonly const?: unknown;
  readonly noEffect?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly items?: boolean | Schema;
  readonly prefixItems?: readonly Schema[];
  readonly $defs?: Readonly<Record<string, Schema>>;
}

export function shapeOf(schema: z.ZodType): Shape {
  let root: Schema;
  try {
    root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }) as Schema;
  } catch {
    root = {}; // not representable in JSON Schema: its keys are unknown
  }

  function alternatives(schemas: readonly Schema[], seen = new Set<Schema>()): Schema[] {
    return schemas.flatMap((one) => {
      if (seen.has(one)) return [];
      seen.add(one);
      const target = one.$ref === undefined ? undefined : refer(root, one.$ref);
      const parts = [...(target ? [target] : []), ...(one.anyOf ?? []), ...(one.oneOf ?? []), ...(one.allOf ?? [])];
      return [one, ...alternatives(parts, seen)];
    });
  }

  function step(from: readonly Schema[], key: string | number): Schema[] {
    const next: Schema[] = [];
    for (const schema of from) {
      if (typeof key === 'number') {
        const item = schema.prefixItems?.[key] ?? schema.items;
        if (typeof item === 'object') next.push(item);
      } else if (schema.properties && Object.hasOwn(schema.properties, key)) {
        next.push(schema.properties[key] ?? {});
      } else if (typeof schema.additionalProperties === 'object') next.push(schema.additionalProperties);
    }
    return alternatives(next);
  }

  const at = (path: Path): Schema[] => path.reduce<Schema[]>(step, alternatives([root]));
  const keysOf = (schemas: readonly Schema[]): string[] => [
    ...new Set(schemas.flatMap(({ properties }) => Object.keys(properties ?? {}))),
  ];

  function* unknown(value: unknown, schemas: readonly Schema[], path: Path): Generator<{ path: Path; key: string }> {
    if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) yield* unknown(item, step(schemas, index), [...path, index]);
    } else if (typeof value === 'object' && value !== null) {
      const known = new Set(keysOf(schemas));
      const open = schemas.some(
        ({ additionalProperties }) => additionalProperties !== undefined && additionalProperties !== false,
      );
      for (const [key, inner] of Object.entries(value)) {
        if (known.size > 0 && !open && !known.has(key)) yield { path, key };
        else yield* unknown(inner, step(schemas, key), [...path, key]);
      }
    }
  }

  function* withoutEffect(
    value: unknown,
    schemas: readonly Schema[],
    path: Path,
  ): Generator<{ path: Path; because: string }> {
    const because = schemas.find(({ noEffect }) => noEffect !== undefined)?.noEffect;
    if (because !== undefined) return yield { path, because };
    if (typeof value !== 'object' || value === null) return;
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, inner] of entries) yield* withoutEffect(inner, step(schemas, key), [...path, key]);
  }

  return {
    keysWithoutEffect: (value) => [...withoutEffect(value, alternatives([root]), [])],
    keysAt: (path, type) => {
      const isOther = ({ properties }: Schema): boolean =>
        properties?.['type']?.const !== undefined && properties['type'].const !== type;
      return keysOf(at(path).filter((schema) => type === undefined || !isOther(schema)));
    },
    isSecret(path) {
      const keys = keysOf(at(path));
      return keys.length === 2 && keys.includes('file') && keys.includes('env');
    },
    unknownKeys: (value) => [...unknown(value, alternatives([root]), [])],
  };
}

/** `#` or `#/$defs/__schema0`. */
function refer(root: Schema, reference: string): Schema | undefined {
  if (reference === '#') return root;
  return root.$defs?.[reference.replace('#/$defs/', '')];
}
