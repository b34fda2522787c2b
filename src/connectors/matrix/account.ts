import { randomBytes } from 'node:crypto';
import { codeOf } from '../../errors.ts';
import { Unauthorised } from '../connector.ts';
import type { ConnectorEnvironment } from '../connector.ts';
import { text } from './json.ts';
import type { Myself } from './mention.ts';
import { explainFailure } from './misplaced.ts';
import type { MatrixOptions } from './options.ts';
import { isMatrixFailure } from './requests.ts';
import type { Requests } from './requests.ts';

export interface Account extends Myself {
  readonly deviceId: string;
}

const DEVICE_KEY = 'device';

/**
 * Authenticates `requests`, by token or by login, and finds out which account that is.
 * @throws {Unauthorised} when the token or password is rejected, or the token has no device.
 * @throws {NotAHomeserver} when there is no homeserver at that address.
 */
export async function openAccount(
  requests: Requests,
  options: MatrixOptions,
  environment: ConnectorEnvironment,
  signal?: AbortSignal,
): Promise<Account> {
  try {
    return await open(requests, options, environment, signal);
  } catch (error) {
    throw await explainFailure(error, requests, options.homeserver, signal);
  }
}

async function open(
  requests: Requests,
  options: MatrixOptions,
  environment: ConnectorEnvironment,
  signal?: AbortSignal,
): Promise<Account> {
  if (options.token) requests.token = (await environment.secret(options.token)).trim();
  // A token from a login stays in `requests` when the connector restarts, until it is rejected.
  const kept = !options.token && requests.token !== undefined;
  if (requests.token === undefined) await login(requests, options, environment, signal);
  try {
    return await whoami(requests, signal);
  } catch (error) {
    if (!options.token) requests.token = undefined;
    if (kept && codeOf(error) === 'WB_UNAUTHORISED') return await open(requests, options, environment, signal);
    throw error;
  }
}

async function whoami(requests: Requests, signal?: AbortSignal): Promise<Account> {
  const answer = await requests
    .request('GET', '/_matrix/client/v3/account/whoami', { signal })
    .catch((error: unknown) => {
      if (!isMatrixFailure(error) || (error.status !== 401 && error.status !== 403)) throw error;
      throw new Unauthorised(
        `the homeserver rejects the access token (${error.errcode ?? error.status}): replace it`,
        error,
      );
    });
  const userId = text(answer['user_id']) ?? '';
  const deviceId = text(answer['device_id']);
  if (deviceId === undefined) {
    throw new Unauthorised(
      'the access token has no device, so messages could be duplicated: use a token from a login (POST /_matrix/client/v3/login), or configure `user` and `password` instead',
    );
  }
  return { userId, deviceId, displayName: await displayName(requests, userId, signal) };
}

/** Logs in on a device that is generated once and kept, because the server remembers transaction ids per device. */
async function login(
  requests: Requests,
  options: MatrixOptions,
  environment: ConnectorEnvironment,
  signal?: AbortSignal,
): Promise<void> {
  if (options.user === undefined || options.password === undefined)
    throw new Unauthorised('neither a token nor a user and password are configured');
  const device = await pinnedDevice(options, environment);
  const body = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: options.user },
    password: await environment.secret(options.password),
    device_id: device,
    initial_device_display_name: environment.botName,
  };
  const answer = await requests
    .request('POST', '/_matrix/client/v3/login', { body, signal })
    .catch((error: unknown) => {
      if (!isMatrixFailure(error) || error.status !== 403) throw error;
      throw new Unauthorised(`the homeserver rejects the login of ${options.user}: check user and password`, error);
    });
  requests.token = text(answer['access_token']);
}

async function pinnedDevice(options: MatrixOptions, environment: ConnectorEnvironment): Promise<string> {
  const known = options.device ?? text(await environment.state.get(DEVICE_KEY));
  if (known !== undefined) return known;
  const device = `WATCHBELL${randomBytes(6).toString('hex').toUpperCase()}`;
  await environment.state.set(DEVICE_KEY, device);
  return device;
}

async function displayName(requests: Requests, userId: string, signal?: AbortSignal): Promise<string | undefined> {
  try {
    return text(
      (
        await requests.request('GET', `/_matrix/client/v3/profile/${encodeURIComponent(userId)}/displayname`, {
          signal,
        })
      )['displayname'],
    );
  } catch (error) {
    if (isMatrixFailure(error)) return undefined; // none set, or profiles are private
    throw error;
  }
}
