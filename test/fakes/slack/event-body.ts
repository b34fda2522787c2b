import type { JsonMap } from './json.ts';
import type { Workspace } from './workspace.ts';

/** An event as the app receives it, over a socket and over HTTP. */
export function eventBody(workspace: Workspace, event: JsonMap): JsonMap {
  const { teamId, app } = workspace;
  return {
    token: 'verification-token',
    team_id: teamId,
    context_team_id: teamId,
    context_enterprise_id: null,
    api_app_id: app.appId,
    event,
    type: 'event_callback',
    event_id: workspace.newId('Ev'),
    event_time: Math.floor(workspace.now() / 1000),
    authorizations: [
      { enterprise_id: null, team_id: teamId, user_id: app.userId, is_bot: true, is_enterprise_install: false },
    ],
    is_ext_shared_channel: false,
    event_context: `4-${Buffer.from(String(event['event_ts'])).toString('base64')}`,
  };
}
