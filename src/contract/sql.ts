export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Runs one statement, in a handler in the handler's transaction. Parameters are `$1`, `$2`, …; rows are plain objects. */
export type Sql = <Row extends object = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;
