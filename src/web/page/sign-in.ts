import { pause, sentenceOf } from './answers.ts';

void signIn();

/** Posts what stands behind the #; it is used up by that, and not by opening the page. */
async function signIn(): Promise<void> {
  const key = location.hash.slice(1);
  if (key === '') return fail('This address is not complete: what stands behind its # is missing.');
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
      // No network: the same as an answer that says "not now".
    }
    await pause(tries);
  }
}

/** Some browsers open what they expect to be clicked; nobody has seen the page yet. */
function isPrerendered(): boolean {
  return (document as Document & { readonly prerendering?: boolean }).prerendering === true;
}

function fail(problem: string): void {
  // Used or cut: of no use in the address any more.
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
