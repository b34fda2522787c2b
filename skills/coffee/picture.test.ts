import { Resvg } from '@resvg/resvg-js';
import { drawPicture } from './picture.ts';
import { pictureSvg } from './picture-svg.ts';
import { renderPng } from './render-png.ts';

const signal = new AbortController().signal;

function named(...names: string[]) {
  return names.map((name, at) => ({ id: `${at}`, name }));
}

/** A single label as a PNG, black on white, so that nothing else in a picture affects the comparison. */
function drawn(name: string): string {
  const label = /<text [^>]*>[^<]*<\/text>/.exec(pictureSvg(named(name), []))?.[0] ?? '';
  return Buffer.from(
    renderPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="960" height="200" font-family="Noto Sans">${label}</svg>`,
    ),
  ).toString('base64');
}

test('people who met are joined by a line, and the alternative text says what the picture shows', async () => {
  const people = named('Ann', 'Bob', 'Çem', 'Dia');
  const image = await drawPicture(people, [{ one: '0', other: '2', times: 1 }], signal);
  expect(image?.alt).toBe('Who has met whom: 1 of 6 pairs of 4 people');
  const png = Buffer.from(image?.png ?? '', 'base64');
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([image?.width, image?.height]);
  expect((await drawPicture(people, [], signal))?.png).not.toBe(image?.png);
});

test('more meetings make a darker and wider line', () => {
  const line = (times: number) =>
    /<path d="[^"]*Q[^>]*>/.exec(pictureSvg(named('Ann', 'Bob', 'Cem'), [{ one: '0', other: '1', times }]))?.[0];
  expect(new Set([1, 2, 3].map(line)).size).toBe(3);
  expect(line(7)).toBe(line(3));
});

test('fewer than 3 and more than 60 people get no picture', async () => {
  const many = (count: number) => named(...Array.from({ length: count }, (_, at) => `${at}`));
  expect([await drawPicture(many(2), [], signal), await drawPicture(many(61), [], signal)]).toEqual([
    undefined,
    undefined,
  ]);
});

test('drawing stops when its signal aborts', async () => {
  const people = named('Ann', 'Bob', 'Cem');
  const abort = new AbortController();
  const drawing = drawPicture(people, [], abort.signal);
  abort.abort();
  await expect(drawing).rejects.toThrow('aborted');
  await expect(drawPicture(people, [], abort.signal)).rejects.toThrow('aborted');
});

test('pictures are rendered one at a time, and one whose signal aborts is not waited for', async () => {
  const people = named('Ann', 'Bob', 'Cem');
  const started: PromiseWithResolvers<Uint8Array>[] = [];
  const draw = (by: AbortSignal) =>
    drawPicture(people, [], by, () => {
      const rendering = Promise.withResolvers<Uint8Array>();
      started.push(rendering);
      return rendering.promise;
    });
  const turn = () => new Promise(setImmediate);
  const [rendering, waiting] = [new AbortController(), new AbortController()];
  const [first, second, third] = [draw(rendering.signal), draw(waiting.signal), draw(signal)];
  await turn();
  expect(started).toHaveLength(1);
  waiting.abort();
  await expect(second).rejects.toThrow('aborted');
  rendering.abort();
  await expect(first).rejects.toThrow('aborted');
  await turn();
  expect(started).toHaveLength(1);
  started[0]?.reject(new Error('the thread has ended'));
  await turn();
  expect(started).toHaveLength(2);
  started[1]?.resolve(Uint8Array.of(1));
  expect((await third)?.png).toBe('AQ==');
});

test.each(['Анна', 'Ελένη', '田中さん', '김철수', '李雷', 'José', '🎉🎈', 'محمد', 'שלום', 'अनु'])(
  'the name %s is drawn in letters, not in boxes',
  (name) => {
    // No font has this script.
    const [box, nothing] = [drawn('ꡀ'), drawn('')];
    for (const character of name) expect([box, nothing]).not.toContain(drawn(character));
    expect(drawn(name)).not.toBe(drawn('ꡀ'.repeat([...name].length)));
  },
);

test.each([
  ['Jeff 🎉', 'Jeff 🎈'],
  ['Jose\u0301 김철수', 'Jose\u0301 김철주'],
  ['A 👩‍👩‍👧‍👦 B', 'A 👨‍👩‍👧‍👦 B'],
  ['👍🏽 ok', '👎🏽 ok'],
])('%s is drawn in letters although it needs several fonts', (name, other) => {
  // As boxes, the two would look the same.
  expect(drawn(name)).not.toBe(drawn(other));
});

test.each([
  '</text><script/>',
  `"/><image href="file:///etc/passwd"/>`,
  `'/><!--`,
  ']]>&#60;&lt;&amp;&nbsp;',
  '\u0000\u0007\ud800\ufffe\u202eevil\u2066',
  'a\u0301\u0301\u0301\u0301\u0301\u0301\u0301'.repeat(50),
  '\u{1f468}\u200d'.repeat(200),
  'W'.repeat(60),
  ' \n ',
])('the name %j is only text in the picture', (name) => {
  const svg = pictureSvg(named(name, 'Ann', 'Bob'), []);
  const tags = (text: string) => text.match(/<[^ >]*/g);
  expect(tags(svg)).toEqual(tags(pictureSvg(named('Cem', 'Ann', 'Bob'), [])));
  const { width } = new Resvg(svg, { font: { loadSystemFonts: false } });
  expect(width).toBe(960);
  expect(svg.length).toBeLessThan(pictureSvg(named('', 'Ann', 'Bob'), []).length + 300);
});

test('a long name is truncated at the edge of the picture', () => {
  const label = (name: string) => /<text [^>]*>([^<]*…)<\/text>/.exec(pictureSvg(named(name, 'Ann', 'Bob'), []))?.[1];
  expect(label('Maximiliane Wilhelmine von und zu Hohenlohe-Waldenburg-Schill')).toBe('Maximiliane Wilhe…');
  expect(label('W'.repeat(60))).toBe('WWWWWWWWWW…');
  expect(label('田'.repeat(60))).toBe(`${'田'.repeat(9)}…`);
});
