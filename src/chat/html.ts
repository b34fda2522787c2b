import { parseMarkdown, type Block, type Inline } from './markdown.ts';

/** One line as HTML allowed by Matrix, escaped. */
export function inlinesToHtml(inlines: readonly Inline[]): string {
  return inlines
    .map((inline) => {
      switch (inline.type) {
        case 'text':
          return escapeHtml(inline.text);
        case 'code':
          return `<code>${escapeHtml(inline.text)}</code>`;
        case 'bold':
          return `<strong>${inlinesToHtml(inline.children)}</strong>`;
        case 'italic':
          return `<em>${inlinesToHtml(inline.children)}</em>`;
        case 'link':
          return `<a href="${escapeHtml(inline.url)}">${inlinesToHtml(inline.children)}</a>`;
      }
    })
    .join('');
}

/** A text as HTML allowed by Matrix, with `<br>` between lines. */
export function markdownToHtml(text: string): string {
  let html = '';
  let before: Block['type'] | undefined;
  for (const block of parseMarkdown(text)) {
    if (before === 'quote' && block.type !== 'quote') html += '</blockquote>';
    if (block.type === 'code') html += `<pre><code>${escapeHtml(block.text)}</code></pre>`;
    else {
      const opens = block.type === 'quote' && before !== 'quote';
      html += `${opens ? '<blockquote>' : before === block.type ? '<br>' : ''}${inlinesToHtml(block.children)}`;
    }
    before = block.type;
  }
  return before === 'quote' ? `${html}</blockquote>` : html;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}
