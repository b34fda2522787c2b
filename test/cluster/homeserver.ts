/** A homeserver in a pod, with the bot's account, a person and one room; controlled by `ask.ts`. */
import { openControl } from '../fakes/matrix/control.ts';
import { createFakeHomeserver } from '../fakes/matrix/homeserver.ts';

const homeserver = await createFakeHomeserver({ host: '0.0.0.0', port: 8008 });
homeserver.addUser('bell', { deviceId: 'BELL', token: process.env['BOT_TOKEN'] ?? '' });
homeserver.addUser('ann', { displayName: 'Ann' });
homeserver.createRoom({ creator: 'ann', alias: 'ops', members: ['bell'] });
openControl(homeserver);
console.log('the homeserver listens on port 8008');
