import type { Method } from './call.ts';

export const app: Readonly<Record<string, Method>> = {
  'auth.test': ({ workspace }) => {
    const { userId, botId } = workspace.app;
    return {
      url: `https://${workspace.domain}.slack.com/`,
      team: 'Fake',
      user: workspace.users.get(userId)?.name ?? '',
      team_id: workspace.teamId,
      user_id: userId,
      bot_id: botId,
      is_enterprise_install: false,
    };
  },
  'apps.connections.open': ({ newSocketUrl }) => ({ url: newSocketUrl() }),
};
