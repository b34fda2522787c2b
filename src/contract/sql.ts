export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Runs one statement in the handler's transaction; `$1`-style parameters. Rows are plain objects. */
export type Sql = <Row extends object = Record<string, unknown>>(
  text: string,
  parameters?: readonly unknown[],
) => Promise<Row[]>;
