import { crc32, deflateSync } from 'node:zlib';

export type Colour = readonly [red: number, green: number, blue: number];

/** Seven rows of five pixels a letter, a digit of base 32 a row. */
const GLYPHS: Readonly<Record<string, string>> = {
  A: 'ehhvhhh',
  B: 'uhhuhhu',
  C: 'ehggghe',
  D: 'uhhhhhu',
  E: 'vgguggv',
  F: 'vgguggg',
  G: 'ehgnhhf',
  H: 'hhhvhhh',
  I: 'e44444e',
  J: '72222ic',
  K: 'hikokih',
  L: 'ggggggv',
  M: 'hrllhhh',
  N: 'hpljhhh',
  O: 'ehhhhhe',
  P: 'uhhuggg',
  Q: 'ehhhlid',
  R: 'uhhukih',
  S: 'fgge11u',
  T: 'v444444',
  U: 'hhhhhhe',
  V: 'hhhhha4',
  W: 'hhhllrh',
  X: 'hha4ahh',
  Y: 'hha4444',
  Z: 'v1248gv',
  '0': 'ehjlphe',
  '1': '4c4444e',
  '2': 'eh168gv',
  '3': 'u11e11u',
  '4': '26aiv22',
  '5': 'vgu11he',
  '6': '68guhhe',
  '7': 'v124888',
  '8': 'ehhehhe',
  '9': 'ehhf12c',
  '-': '000v000',
  '.': '00000cc',
  '?': 'eh16404',
};
export const GLYPH_WIDTH = 6;
export const GLYPH_HEIGHT = 7;

/** A small picture to draw on: lines, discs and capital letters, smoothed at their edges, written as PNG. */
export class Canvas {
  readonly width: number;
  readonly height: number;
  readonly #pixels: Uint8Array;

  constructor(width: number, height: number, background: Colour) {
    this.width = width;
    this.height = height;
    this.#pixels = new Uint8Array(width * height * 3);
    for (let at = 0; at < this.#pixels.length; at++) this.#pixels[at] = background[at % 3] ?? 0;
  }

  /** `alpha`: 0 nothing, 1 opaque. */
  #blend(x: number, y: number, colour: Colour, alpha: number): void {
    // Four shades at an edge look as smooth and pack a third smaller.
    const strength = Math.min(4, Math.round(alpha * 4)) / 4;
    if (strength <= 0 || x < 0 || y < 0 || x >= this.width || y >= this.height) return;
    const at = (y * this.width + x) * 3;
    for (let channel = 0; channel < 3; channel++) {
      const before = this.#pixels[at + channel] ?? 0;
      this.#pixels[at + channel] = Math.round(before + ((colour[channel] ?? 0) - before) * strength);
    }
  }

  line(from: readonly [number, number], to: readonly [number, number], width: number, colour: Colour, alpha = 1): void {
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
    const isFlat = Math.abs(dx) >= Math.abs(dy);
    const steps = Math.ceil(Math.max(Math.abs(dx), Math.abs(dy)));
    // Across the longer side, what a step to the side is away from the line.
    const lean = Math.max(Math.abs(dx), Math.abs(dy)) / Math.max(1e-9, Math.hypot(dx, dy));
    for (let step = 0; step <= steps; step++) {
      const part = steps === 0 ? 0 : step / steps;
      const [x, y] = [from[0] + dx * part, from[1] + dy * part];
      const centre = isFlat ? y : x;
      for (let side = Math.floor(centre - width - 1); side <= Math.ceil(centre + width + 1); side++) {
        const cover = Math.max(0, Math.min(1, width / 2 + 0.5 - Math.abs(side - centre) * lean));
        if (isFlat) this.#blend(Math.round(x), side, colour, cover * alpha);
        else this.#blend(side, Math.round(y), colour, cover * alpha);
      }
    }
  }

  disc(x: number, y: number, radius: number, colour: Colour): void {
    for (let row = Math.floor(y - radius - 1); row <= y + radius + 1; row++)
      for (let column = Math.floor(x - radius - 1); column <= x + radius + 1; column++)
        this.#blend(column, row, colour, radius + 0.5 - Math.hypot(column - x, row - y));
  }

  /** Capitals and digits; accents are dropped, what has no shape here is a question mark. `x`, `y`: upper left corner. */
  text(x: number, y: number, text: string, size: number, colour: Colour): void {
    for (const [at, letter] of [...plainCapitals(text)].entries()) {
      const rows = letter === ' ' ? '' : (GLYPHS[letter] ?? GLYPHS['?'] ?? '');
      for (const [row, digit] of [...rows].entries())
        for (let column = 0; column < 5; column++) {
          if (((Number.parseInt(digit, 32) >> (4 - column)) & 1) === 0) continue;
          for (let down = 0; down < size; down++)
            for (let right = 0; right < size; right++)
              this.#blend(
                Math.round(x) + (at * GLYPH_WIDTH + column) * size + right,
                Math.round(y) + row * size + down,
                colour,
                1,
              );
        }
    }
  }

  png(): Buffer {
    const stride = this.width * 3;
    const rows = Buffer.alloc((stride + 1) * this.height);
    for (let row = 0; row < this.height; row++)
      rows.set(this.#pixels.subarray(row * stride, (row + 1) * stride), row * (stride + 1) + 1);
    const header = Buffer.alloc(13);
    header.writeUInt32BE(this.width, 0);
    header.writeUInt32BE(this.height, 4);
    // Eight bits a channel, red green blue.
    header.set([8, 2, 0, 0, 0], 8);
    const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    return Buffer.concat([
      signature,
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(rows, { level: 9 })),
      chunk('IEND', Buffer.alloc(0)),
    ]);
  }
}

export function plainCapitals(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toUpperCase();
}

/** PNG specification, 5.3: length, type, data, checksum of type and data. */
function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(data.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
