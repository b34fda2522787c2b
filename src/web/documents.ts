import { createHash } from 'node:crypto';
import { ENTRY, IMPORT_MAP } from './assets.ts';

/** Nothing but our own files; the import map is the one inline script, allowed by its hash. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${createHash('sha256').update(IMPORT_MAP).digest('base64')}'`,
  "style-src 'self'",
  // Pictures of messages are in the messages.
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

export function chatDocument(title: string): string {
  return frame(
    title,
    `<script type="importmap">${IMPORT_MAP}</script>
<script type="module" src="${ENTRY}"></script>`,
    '<div id="app"><noscript><p class="notice">This page needs JavaScript.</p></noscript></div>',
  );
}

export function loginDocument(title: string, problem?: string): string {
  return frame(
    title,
    '',
    `<main class="login"><h1>${escapeHtml(title)}</h1>
<form method="post" action="/login">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
${problem === undefined ? '' : `<p role="alert">${escapeHtml(problem)}</p>`}
<button type="submit">Sign in</button>
</form></main>`,
  );
}

export function noticeDocument(title: string, sentence: string): string {
  return frame(title, '', `<main class="login"><h1>${escapeHtml(title)}</h1><p>${escapeHtml(sentence)}</p></main>`);
}

function frame(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="/assets/icon.svg">
<link rel="stylesheet" href="/assets/style.css">
${head}
</head>
<body>
${body}
</body>
</html>
`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
