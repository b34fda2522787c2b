export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Replaces `${NAME}` and `${NAME:-default}` in one value; `$$` is a plain `$`, and a `$` before anything else stays.
 * The default is also used when the variable is empty. Values are not substituted again, so nothing can be injected.
 */
export function substitute(text: string, env: Environment, problem: (message: string) => void): string {
  if (!text.includes('$')) return text;
  return text.replace(/\$\$|\$\{([^}]*)(\}?)/g, (whole, inner: string | undefined, end: string | undefined) => {
    if (inner === undefined) return '$';
    const [, name, fallback] = (end === '' ? null : /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s.exec(inner)) ?? [];
    if (name === undefined) {
      problem('"${" begins a variable: write ${NAME} or ${NAME:-default}, or "$${" for the characters themselves');
      return whole;
    }
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (value !== undefined && (value !== '' || fallback === undefined)) return value;
    if (fallback !== undefined) return fallback;
    problem(
      `the variable ${name} is not set: set it, write \${${name}:-default}, or "$\${" for the characters themselves`,
    );
    return whole;
  });
}

/** The value of unquoted text in YAML 1.2 (core schema), so that `${PORT}` can be a number. */
export function plainValue(text: string): string | number | boolean | null {
  if (/^(?:~|null|Null|NULL)?$/.test(text)) return null;
  if (/^(?:true|True|TRUE)$/.test(text)) return true;
  if (/^(?:false|False|FALSE)$/.test(text)) return false;
  if (/^[-+]?(?:\d+|(?:\.\d+|\d+\.?\d*)(?:[eE][-+]?\d+)?)$/.test(text)) return Number(text);
  return text;
}
