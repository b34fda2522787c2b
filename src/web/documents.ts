import { createHash } from 'node:crypto';
import { ENTRY, IMPORT_MAP, SIGN_IN_ENTRY } from './assets.ts';

/** Allows only our own files; the import map is the only inline script, allowed by its hash. */
export const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${createHash('sha256').update(IMPORT_MAP).digest('base64')}'`,
  "style-src 'self'",
  // Pictures are embedded in messages.
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
].join('; ');

const HOW_TO_SIGN_IN = `<p>Sign in with a one-time link. Run this command where the bot runs, and open the link that it prints:</p>
<pre><code>npm run watchbell sign-in</code></pre>
<p class="quiet">In a container: <code>watchbell sign-in</code>. A trial also prints a link when it starts.</p>
`;

export function chatDocument(title: string): string {
  return htmlPage(
    title,
    `<script type="importmap">${IMPORT_MAP}</script>
<script type="module" src="${ENTRY}"></script>`,
    '<div id="app"><noscript><p class="notice">This page needs JavaScript.</p></noscript></div>',
  );
}

export function loginDocument(title: string, problem?: string): string {
  return htmlPage(
    title,
    '',
    `<main class="login"><h1>${escapeHtml(title)}</h1>
<form method="post" action="login">
<label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required autofocus>
${problem === undefined ? '' : `<p role="alert">${escapeHtml(problem)}</p>`}
<button type="submit">Sign in</button>
</form></main>`,
  );
}

/** Signs in with the key after the # in its URL. */
export function signInDocument(title: string): string {
  return htmlPage(
    title,
    `<script type="module" src="${SIGN_IN_ENTRY}"></script>`,
    `<main class="login"><h1>${escapeHtml(title)}</h1>
<p id="progress" role="status">Signing in …</p>
<noscript><p>This page needs JavaScript.</p></noscript>
<div id="failed" hidden><p id="problem" role="alert"></p>${HOW_TO_SIGN_IN}</div></main>`,
  );
}

/** For people who are not signed in, if there is no password. */
export function signedOutDocument(title: string): string {
  return htmlPage(
    title,
    '',
    `<main class="login"><h1>${escapeHtml(title)}</h1>
<p>You are not signed in.</p>
${HOW_TO_SIGN_IN}</main>`,
  );
}

export function unavailableDocument(title: string): string {
  return htmlPage(
    title,
    '<meta http-equiv="refresh" content="5">',
    `<main class="login"><h1>${escapeHtml(title)}</h1>
<p>The bot cannot check your session right now; its log says why. This page retries automatically.</p></main>`,
  );
}

function htmlPage(title: string, head: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<link rel="icon" href="assets/icon.svg">
<link rel="stylesheet" href="assets/style.css">
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
