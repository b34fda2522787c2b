// The fake homeserver as a separate process: `node test/fakes/matrix/main.ts '{"rate":{"perSecond":0.2,"burst":10}}'`
// prints its address and serves until it is killed or its standard input ends.
import { openControl } from './control.ts';
import { createFakeHomeserver } from './homeserver.ts';
import type { HomeserverOptions } from './types.ts';

const homeserver = await createFakeHomeserver(JSON.parse(process.argv[2] ?? '{}') as HomeserverOptions);
openControl(homeserver);
console.log(homeserver.url);
// Exits with the test that started it, however that exits.
process.stdin.on('end', () => process.exit(0)).resume();
