/** Copies of a notification, which Alertmanager and its peers send. */
import { bodyOf, startAlertsBot } from '../../skills/alerts/test-bot.ts';

test('a repeated resolved notification shows nothing new and edits nothing', async () => {
  await using bot = await startAlertsBot();
  const startsAt = new Date(bot.app.clock.now().getTime() - 60_000);
  const end = bodyOf([{ pod: 'a', startsAt, endsAt: bot.app.clock.now(), status: 'resolved' }]);
  await bot.webhook('alertmanager/prod', bodyOf([{ pod: 'a', startsAt }]), 'secret');
  await bot.webhook('alertmanager/prod', end, 'secret');
  const before = bot.messages();
  expect(before).toEqual([expect.objectContaining({ edits: 1 })]);
  for (let peer = 0; peer < 2; peer++) await bot.webhook('alertmanager/prod', end, 'secret');
  expect(bot.messages()).toEqual(before);
});
