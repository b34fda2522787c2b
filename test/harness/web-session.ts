/** Signs in to a bot's web chat like a browser that opens the printed address; resolves to its cookie. */
export async function signIn(url: string, key: string): Promise<string> {
  const answer = await fetch(`${url}/sign-in`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  });
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  if (!answer.ok || cookie === undefined) throw new Error(`not signed in: ${answer.status} ${await answer.text()}`);
  return cookie;
}
