export interface WebhookAddress {
  readonly name: string;
  readonly source: string;
}

const WEBHOOKS = '/webhooks/';
/** Letters and digits of any script, as in configured names; no characters with a meaning in a URL or a message. */
const SEGMENT = /^[\p{L}\p{N}][\p{L}\p{N}._~-]{0,99}$/u;
const MAX_SHOWN = 200;

/**
 * The path of a request target inside this program: without `basePath`, whether or not a proxy has stripped it.
 * Ignores extra slashes at the start, and scheme and host if a client sent them (RFC 9112 3.2.2).
 */
export function localTarget(target: string, basePath: string): string {
  let local = target;
  if (local.charCodeAt(0) !== SLASH) local = local.replace(/^https?:\/\/[^/?]*/i, '') || '/';
  if (local.startsWith('//')) local = local.replace(/^\/+/, '/');
  if (basePath === '' || !local.startsWith(basePath)) return local;
  const rest = local.slice(basePath.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest.replace(/^\/+/, '/') : local;
}

const SLASH = 0x2f;

/** The webhook that a target names: `/webhooks/NAME[/SOURCE]`; empty segments are ignored. */
export function webhookAddress(target: string): WebhookAddress | undefined {
  const segments = segmentsOf(target);
  if (!segments || segments.length === 0 || segments.length > 2) return undefined;
  const [name = '', source = 'default'] = segments;
  return { name, source };
}

/** The connector route that a target names: `/webhooks/PLATFORM/NAME[/…]`. */
export function routeAddress(target: string): { platform: string; name: string; path: string } | undefined {
  const [platform, name, ...rest] = segmentsOf(target) ?? [];
  return platform === undefined || name === undefined
    ? undefined
    : { platform, name, path: rest.map((segment) => `/${segment}`).join('') };
}

/** A target below `/webhooks/` in a form safe to show; undefined if it has characters that none of our addresses has. */
export function shownPath(target: string): string | undefined {
  const segments = segmentsOf(target);
  return segments && [WEBHOOKS.slice(0, -1), ...segments].join('/').slice(0, MAX_SHOWN);
}

function segmentsOf(target: string): string[] | undefined {
  const query = target.indexOf('?');
  const path = (query < 0 ? target : target.slice(0, query)).slice(WEBHOOKS.length);
  const segments = path.split('/').filter((segment) => segment !== '');
  if (path.includes('%')) {
    try {
      return checked(segments.map(decodeURIComponent));
    } catch {
      return undefined;
    }
  }
  return checked(segments);
}

function checked(segments: string[]): string[] | undefined {
  return segments.every((segment) => SEGMENT.test(segment)) ? segments : undefined;
}
