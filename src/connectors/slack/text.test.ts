import { plainText } from './text.ts';

const names = { user: async (id: string) => ({ U2: 'Ann Li' })[id] ?? id };
const read = (text: string) => plainText(text, 'UBOT', names);

test.each([
  ['hello there', 'hello there'],
  ['a &lt;b&gt; &amp;amp; c', 'a <b> &amp; c'],
  ['thanks <@U2>', 'thanks @Ann Li'],
  ['thanks <@U3|bob>', 'thanks @bob'],
  ['see <#C1|ops> and <#C2>', 'see #ops and #C2'],
  ['<!here> <!channel> <!subteam^S1|@sre> <!subteam^S1>', '@here @channel @sre @S1'],
  ['<!date^1392734382^{date}|Feb 18>', 'Feb 18'],
  ['open <https://a.example/x?y=1&amp;z=2>', 'open https://a.example/x?y=1&z=2'],
  ['open <http://a.example|a.example>, <mailto:a@b.example|a@b.example>', 'open a.example, a@b.example'],
  ['1 &lt; 2 and <not closed', '1 < 2 and <not closed'],
])('%j was typed as %j', async (kept, typed) => {
  expect(await read(kept)).toEqual({ text: typed, mentionsBot: false });
});

test('a mention of the bot is removed from the text', async () => {
  expect(await read('<@UBOT> ack 12')).toEqual({ text: 'ack 12', mentionsBot: true });
  expect(await read('ack 12 <@UBOT|bell>')).toEqual({ text: 'ack 12', mentionsBot: true });
});

test('text that looks like a mention only after unescaping is not one', async () => {
  expect(await read('&lt;@UBOT&gt; ack 12')).toEqual({ text: '<@UBOT> ack 12', mentionsBot: false });
});

test('each name is looked up once, for at most twenty people', async () => {
  const asked: string[] = [];
  const asking = { user: async (id: string) => (asked.push(id), id) };
  await plainText(Array.from({ length: 50 }, (_, index) => `<@U${index}><@U${index}>`).join(), 'UBOT', asking);
  expect(asked).toHaveLength(20);
});
