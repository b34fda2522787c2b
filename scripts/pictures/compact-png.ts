import { crc32, deflateSync, inflateSync } from 'node:zlib';

const SIGNATURE_BYTES = 8;

/**
 * Writes a PNG of 8-bit RGB(A), not interlaced, without filters: flat colours and text compress better so (measured: 77 kB instead of
 * the browser's 94).
 */
export function compactPng(png: Buffer): Buffer {
  const data: Buffer[] = [];
  for (let at = SIGNATURE_BYTES; at < png.length; at += 12 + png.readUInt32BE(at))
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
      data.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const header = png.subarray(16, 29);
  const [width, height, depth, type] = [header.readUInt32BE(0), header.readUInt32BE(4), header[8], header[9]];
  const pixelBytes = type === 6 ? 4 : 3;
  if (depth !== 8 || (type !== 2 && type !== 6)) throw new Error('not a PNG of 8-bit RGB or RGBA');
  const rows = unfilter(inflateSync(Buffer.concat(data)), { rowBytes: width * pixelBytes, height, pixelBytes });
  return Buffer.concat([
    png.subarray(0, SIGNATURE_BYTES),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 9, memLevel: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** PNG (Third Edition), section 9. */
function unfilter(
  filtered: Buffer,
  { rowBytes, height, pixelBytes }: { rowBytes: number; height: number; pixelBytes: number },
): Buffer {
  const rows = Buffer.from(filtered);
  const stride = rowBytes + 1;
  for (let row = 0; row < height; row++) {
    const filter = rows[row * stride];
    rows[row * stride] = 0;
    for (let column = 1; column <= rowBytes; column++) {
      const at = row * stride + column;
      const left = column > pixelBytes ? (rows[at - pixelBytes] ?? 0) : 0;
      const up = row > 0 ? (rows[at - stride] ?? 0) : 0;
      const upLeft = row > 0 && column > pixelBytes ? (rows[at - stride - pixelBytes] ?? 0) : 0;
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, upLeft)][filter ?? 0] ?? 0;
      rows[at] = ((rows[at] ?? 0) + predicted) & 255;
    }
  }
  return rows;
}

function paeth(left: number, up: number, upLeft: number): number {
  const [toLeft, toUp, toUpLeft] = [Math.abs(up - upLeft), Math.abs(left - upLeft), Math.abs(left + up - 2 * upLeft)];
  if (toLeft <= toUp && toLeft <= toUpLeft) return left;
  return toUp <= toUpLeft ? up : upLeft;
}

function chunk(type: string, data: Buffer): Buffer {
  const [size, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  size.writeUInt32BE(data.length);
  crc.writeUInt32BE(crc32(body));
  return Buffer.concat([size, body, crc]);
}
