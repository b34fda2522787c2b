import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Resvg } from '@resvg/resvg-js';

const { resolve } = createRequire(import.meta.url);
const embedPdf = (name: string, file: string): string =>
  join(dirname(resolve(`@embedpdf/${name}`)), '..', 'fonts', file);

/**
 * The first is the default; the others, in this order, supply characters that it lacks. The Docker image contains only these
 * files of their packages.
 */
const FONTS = [
  // Latin, Cyrillic, Greek, Devanagari.
  resolve('@expo-google-fonts/noto-sans/400Regular/NotoSans_400Regular.ttf'),
  // Chinese, simplified and traditional; kana, and all but rare kanji.
  embedPdf('fonts-sc', 'NotoSansHans-Regular.otf'),
  // Hangul.
  resolve('@expo-google-fonts/nanum-gothic/400Regular/NanumGothic_400Regular.ttf'),
  resolve('@expo-google-fonts/noto-sans-arabic/400Regular/NotoSansArabic_400Regular.ttf'),
  embedPdf('fonts-hebrew', 'NotoSansHebrew-Regular.ttf'),
  resolve('@expo-google-fonts/noto-emoji/400Regular/NotoEmoji_400Regular.ttf'),
];

/**
 * A PNG of an SVG document, at its size. Blocks for about 70 ms, most of it for reading fonts, and leaves pixel buffers
 * behind that the garbage collector does not see (300 pictures: 600 MB), so run it in a thread that ends afterwards.
 */
export function renderPng(svg: string): Uint8Array {
  const options = { font: { loadSystemFonts: false, fontFiles: FONTS, defaultFontFamily: 'Noto Sans' } };
  return new Resvg(svg, options).render().asPng();
}
