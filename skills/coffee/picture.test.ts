import { inflateSync } from 'node:zlib';
import { Canvas } from './canvas.ts';
import { picture } from './picture.ts';

/** Pixels of a PNG as this skill writes them. */
function pixels(png: Buffer): { width: number; height: number; at(x: number, y: number): number[] } {
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  const length = png.readUInt32BE(33);
  const rows = inflateSync(png.subarray(41, 41 + length));
  const stride = width * 3 + 1;
  return { width, height, at: (x, y) => [...rows.subarray(y * stride + 1 + x * 3, y * stride + 4 + x * 3)] };
}

test('what is drawn is in the picture, at its place', () => {
  const canvas = new Canvas(40, 30, [255, 255, 255]);
  canvas.line([5, 5], [35, 5], 3, [200, 0, 0]);
  canvas.line([20, 10], [20, 28], 3, [0, 200, 0]);
  canvas.disc(8, 20, 4, [0, 0, 200]);
  canvas.text(26, 18, 'I', 1, [0, 0, 0]);
  canvas.disc(100, 100, 4, [0, 0, 0]);
  const seen = pixels(canvas.png());
  expect([seen.width, seen.height]).toEqual([40, 30]);
  expect([seen.at(20, 5), seen.at(20, 20), seen.at(8, 20), seen.at(28, 20)]).toEqual([
    [200, 0, 0],
    [0, 200, 0],
    [0, 0, 200],
    [0, 0, 0],
  ]);
  expect(seen.at(39, 29)).toEqual([255, 255, 255]);
});

test('two who met are joined by a line, and the picture says in words what it shows', () => {
  const people = ['Ann', 'Bob', 'Çem', 'Dia'].map((name) => ({ id: name, name }));
  const image = picture(people, [{ one: 'Ann', other: 'Çem', times: 1 }]);
  expect(image?.alt).toBe('Who has met whom: 1 of 6 pairs of 4 people');
  const seen = pixels(Buffer.from(image?.png ?? '', 'base64'));
  expect(seen.at(seen.width / 2, seen.height / 2)).not.toEqual(seen.at(0, 0));
  const alone = pixels(Buffer.from(picture(people, [])?.png ?? '', 'base64'));
  expect(alone.at(alone.width / 2, alone.height / 2)).toEqual(alone.at(0, 0));
});

test('two are no picture, and hundreds are none', () => {
  const many = (count: number) => Array.from({ length: count }, (_, at) => ({ id: `${at}`, name: `${at}` }));
  expect([picture(many(2), []), picture(many(61), [])]).toEqual([undefined, undefined]);
});
