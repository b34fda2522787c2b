import { Composer, Lexer, Parser, type CST, type Document, type LineCounter } from 'yaml';

/** A configuration of 50,000 values has about 8 tokens a line, half as many lines; larger ones are mistakes. */
const MAX_TOKENS = 250_000;
/** Nesting depth; readable files nest a tenth of this. The library recurses through them afterwards. */
const MAX_OPEN = 250;

/** The text is larger or nested deeper than allowed for a configuration. */
export class DocumentTooLarge extends Error {
  readonly code = 'WB_CONFIG_TOO_LARGE';
}

/**
 * Parses YAML 1.2 (core schema) into its first document, with memory and time bounded by the size of the text: 1 MiB of
 * `"`, `[`, `- ` or `&a ` took the library's own `parseDocument` over 256 MB, this at most 100 MB and a second.
 *
 * @throws {DocumentTooLarge}
 */
export function boundedDocument(text: string, lines: LineCounter): Document.Parsed {
  const tokens = parse(text, lines);
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    prettyErrors: false,
    uniqueKeys: false, // the library's check is quadratic; ours looks keys up
    logLevel: 'error',
  });
  // Each of the library's errors would keep a stack; broken text has one per character.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    const [first, ...others] = composer.compose(tokens, true, text.length);
    if (!first) throw new Error('the library returned no document');
    if (others.length > 0 && first.errors.length === 0)
      throw new SeveralDocuments('has more than one document ("---")');
    return first;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export class SeveralDocuments extends Error {
  readonly code = 'WB_CONFIG_SEVERAL_DOCUMENTS';
}

function parse(text: string, lines: LineCounter): CST.Token[] {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  const parsed: CST.Token[] = [];
  let tokens = 0;
  for (const token of new Lexer().lex(text)) {
    if (++tokens > MAX_TOKENS) throw new DocumentTooLarge('it has too many values');
    for (const one of parser.next(token)) {
      parsed.push(one);
      // Only the first error is reported; parsing on costs as much as everything before it.
      if (one.type === 'error') return parsed;
    }
    if (parser.stack.length > MAX_OPEN) throw new DocumentTooLarge('nested too deeply');
  }
  parsed.push(...parser.end());
  return parsed;
}
