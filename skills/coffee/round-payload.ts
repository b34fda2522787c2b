import { z } from '#skill';

export const pairPayload = z.object({
  /** Id of the round's row; undefined: a dry run. */
  id: z.string().optional(),
  name: z.string(),
  number: z.int(),
  seed: z.number(),
  /** Start of the round: people who are away at that time are left out. */
  at: z.coerce.date(),
  /** Id of the request that gets the result. */
  request: z.string().optional(),
  /** Person whose pairing the report explains. */
  explain: z.string().optional(),
});

export type PairPayload = z.output<typeof pairPayload>;

const groupMember = z.object({ id: z.string(), name: z.string(), accountId: z.string() });

export const computedRound = z.object({
  groups: z.array(z.object({ connector: z.string(), people: z.array(groupMember) })),
  resting: z.array(z.object({ id: z.string(), name: z.string(), why: z.enum(['turn', 'nobody left']) })),
  seats: z.array(
    z.object({
      person: z.string(),
      seat: z.number(),
      joined: z.number(),
      rested: z.number().nullable(),
      rests: z.number(),
    }),
  ),
  quality: z.object({
    people: z.number(),
    groups: z.number(),
    pairs: z.number(),
    repeats: z.number(),
    sameTeam: z.number(),
  }),
  /** People who miss this round but keep their seats. */
  keeping: z.array(z.string()),
  skipping: z.array(z.string()),
  report: z.string(),
});

export type ComputedRound = z.output<typeof computedRound>;
