import { pause, sentenceOf } from './answers.ts';

void signIn();

/** Posts the key after the #. Only this uses it up, not opening the page. */
async function signIn(): Promise<void> {
  const key = location.hash.slice(1);
  if (key === '') return fail('This link is incomplete: the part after the # is missing.');
  if (isPrerendered())
    await new Promise((seen) => document.addEventListener('prerenderingchange', seen, { once: true }));
  for (let tries = 0; ; tries++) {
    try {
      const response = await fetch('sign-in', {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ key }),
      });
      if (response.ok) return location.replace('./');
      if (response.status < 500) return fail(`Not signed in: ${await sentenceOf(response)}.`);
    } catch {
      // No network: retry, as after a 503.
    }
    await pause(tries);
  }
}

/** Some browsers prerender links before they are clicked. */
function isPrerendered(): boolean {
  return (document as Document & { readonly prerendering?: boolean }).prerendering === true;
}

function fail(problem: string): void {
  // The key is used or invalid: remove it from the URL.
  history.replaceState(null, '', location.pathname);
  const show = (id: string, shown: boolean): void => {
    const element = document.getElementById(id);
    if (element) element.hidden = !shown;
  };
  show('progress', false);
  show('failed', true);
  const sentence = document.getElementById('problem');
  if (sentence) sentence.textContent = problem;
}
