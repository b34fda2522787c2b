import { defineQuery, listByKey, listInput, listOutput, z, type QueryContext } from '#skill';
import { dueAt, numberOf, positionAt, type CountdownOptions } from './count.ts';
import { findCounts } from './plan.ts';

/** Running counts in configured rooms; those in direct messages are private. */
export const running = defineQuery({
  help: 'lists the running counts',
  input: z.object(listInput()),
  output: listOutput(
    z.object({
      room: z.string(),
      down: z.boolean(),
      length: z.int(),
      at: z.int().nullable().describe('The number that is due now; null before the first.'),
      ends: z.iso.datetime(),
      by: z.string(),
    }),
  ),
  async run({ sql, now, rooms, canIn }: QueryContext<CountdownOptions>, page) {
    const counts = await findCounts(sql, 'order by id');
    const items = counts.flatMap((count) => {
      const room = rooms.byAddress(count)?.name;
      const at = positionAt(count, now);
      if (room === undefined || !canIn(room) || at >= count.length) return [];
      const { down, length, began } = count;
      const ends = dueAt(count, length).toISOString();
      return [
        {
          key: `${room} ${count.id}`,
          room,
          down,
          length,
          at: at === 0 ? null : Number(numberOf(count, at)),
          ends,
          by: began.name,
        },
      ];
    });
    return listByKey(items, page, ({ key }) => key);
  },
});
