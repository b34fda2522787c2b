import { html } from 'htm/preact';
import { render } from 'preact';
import { App } from './app.ts';
import { start } from './connection.ts';

const root = document.querySelector('#app');
if (root) {
  root.replaceChildren();
  render(html`<${App} botName=${document.title} />`, root);
  void start();
}
