/** Schemas shared by many parts of the configuration. They import nothing from the rest, so that connectors can use them. */
import { z } from 'zod';
import { parseDuration } from '../chat/duration.ts';

export const SECRET_REMEDY =
  'a secret must not be written here: put it in a file in the secrets directory and write { file: NAME }, or { env: NAME } for a trial';

/** `{ file: NAME }` or `{ env: NAME }`; see `createSecrets`. */
export const secretReference = z
  .union([
    z.strictObject({
      file: z
        .string()
        .min(1, 'name a file')
        .refine((file) => !file.split(/[\\/]/).includes('..'), 'the name of a secret file must not contain ".."')
        .describe('File in WATCHBELL_SECRETS (default /run/secrets/watchbell), or an absolute path.'),
    }),
    z.strictObject({
      env: z
        .string()
        .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'name an environment variable')
        .describe('Environment variable, for trials.'),
    }),
  ])
  .meta({ id: 'secret', description: 'A reference to a secret, never its value.' });

/** `90s`, `15m`, `1h30m`, `5d`; parsed to milliseconds. */
export const duration = z
  .string()
  .transform((text, context) => {
    const ms = parseDuration(text);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: 'is not a duration: write 90s, 15m, 4h or 5d' });
    return z.NEVER;
  })
  .meta({ id: 'duration', description: 'A duration such as 90s, 15m, 4h, 5d.' });

const UNIT_BYTES: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `32MiB`, `64KiB`, `500B` to bytes; undefined for anything else, for zero and for more than 1 GiB. */
export function parseSize(text: string): number | undefined {
  const [, count, unit = ''] = /^(\d{1,10})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  const bytes = Number(count) * (UNIT_BYTES[unit] ?? Number.NaN);
  return bytes > 0 && bytes <= 1024 ** 3 ? bytes : undefined;
}

/** `32MiB`; parsed to bytes. */
export const size = z
  .string()
  .transform((text, context) => {
    const bytes = parseSize(text);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: 'custom', message: 'is not a size: write 64KiB or 32MiB, at most 1GiB' });
    return z.NEVER;
  })
  .meta({ id: 'size', description: 'A size such as 64KiB, 32MiB.' });

const NOT_A_PORT = 'is not a port: write a number from 1 to 65535';

const SERVICE_LINK =
  'is the address of a Service, which Kubernetes sets in variables called NAME_PORT: write a number, or use a variable with another name';

const notAPort = ({ input }: { readonly input?: unknown }): string =>
  typeof input === 'string' && /^(?:tcp|udp|sctp):\/\//i.test(input) ? SERVICE_LINK : NOT_A_PORT;

/** A TCP port; quoted digits are accepted too, because `"${PORT}"` must be quoted in places. 0 means any free one. */
export const port = z
  .union(
    [z.int(NOT_A_PORT).min(0, NOT_A_PORT).max(65_535, NOT_A_PORT), z.string().regex(/^\d{1,5}$/, { error: notAPort })],
    { error: notAPort },
  )
  .transform(Number)
  .refine((value) => value <= 65_535, NOT_A_PORT)
  .meta({ description: 'A TCP port.' });

/** An IANA time zone that this runtime knows. */
export const timeZone = z
  .string()
  .refine(isTimeZone, 'is not a time zone: write one like Europe/Berlin or UTC')
  .meta({ id: 'timeZone', description: 'An IANA time zone such as Europe/Berlin.' });

export function isTimeZone(text: string): boolean {
  // Intl also accepts offsets such as +02:00, but they have no daylight saving time: surely not what was meant.
  if (!/^[A-Za-z]/.test(text)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const DAYS = `${DAY}(?:-${DAY})?(?:,\\s?${DAY}(?:-${DAY})?)*`;
const CLOCK = '(?:[01]\\d|2[0-3]):[0-5]\\d';
const HOURS = `${CLOCK}-(?:${CLOCK}|24:00)`;

/** `Mon-Fri`, `Mon,Wed-Thu`. */
export const days = z
  .string()
  .regex(new RegExp(`^${DAYS}$`), 'are not days: write Mon-Fri or Mon,Wed')
  .describe('Days such as Mon-Fri or Mon,Wed.');

/** `09:00-18:00`; an end before the start is on the next day. */
export const hours = z
  .string()
  .regex(new RegExp(`^${HOURS}$`), 'are not hours: write 09:00-18:00')
  .describe('Hours such as 09:00-18:00.');

/** `Mon-Fri 09:00-18:00`. */
export const workingHours = z
  .string()
  .regex(new RegExp(`^${DAYS} ${HOURS}$`), 'are not hours: write Mon-Fri 09:00-18:00')
  .describe('Days and hours such as Mon-Fri 09:00-18:00.');

/** `Mon 09:00` or `09:00`. */
export const dayAndTime = z
  .string()
  .regex(new RegExp(`^(?:${DAY} )?${CLOCK}$`), 'is not a time: write Mon 09:00')
  .describe('A time such as Mon 09:00.');

export const date = z
  .string()
  .refine(
    (text) => /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toJSON()?.slice(0, 10) === text,
    'is not a date: write 2026-01-05',
  )
  .describe('A date such as 2026-01-05.');

/** A name chosen in the configuration and used elsewhere in it, in commands and in addresses. */
export const name = z
  .string()
  .regex(
    /^[\p{L}\p{N}][\p{L}\p{N}_.-]{0,62}$/u,
    'is not a name: letters, digits, "-", "_" and ".", at most 63 of them',
  );

/** An id on some platform, exactly as shown there. Always a string: as a number it would lose digits. */
export const id = z
  .string()
  .min(1, 'is empty')
  .max(255, 'is longer than 255 characters')
  .describe('An id as used by the platform; a string.');
