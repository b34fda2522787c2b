import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StartFailed, codeOf } from '../errors.ts';

const TRIES = 20;

export interface Listening {
  readonly port: number;
  readonly host?: string;
  /** The port was set explicitly, so no other one is tried. */
  readonly portFixed: boolean;
  /** The setting that changes it: `http.port (PORT)`. */
  readonly setting: string;
}

/** Listens and resolves to the port used: the given one, or, unless it is fixed, the next free one. */
export async function listen(server: Server, { port, host, portFixed, setting }: Listening): Promise<number> {
  for (let tried = 0; ; tried++) {
    try {
      return await listenOn(server, port === 0 ? 0 : port + tried, host);
    } catch (error) {
      const code = codeOf(error);
      const isLast = portFixed || port === 0 || tried + 1 >= TRIES || port + tried + 1 > 65_535;
      if (code === 'EADDRINUSE' && !isLast) continue;
      if (code === 'EADDRINUSE') {
        const message = portFixed ? `port ${port} is in use` : `ports ${port} to ${port + tried} are in use`;
        throw new StartFailed(`${message}: stop the program that uses it, or set ${setting}`, { cause: error });
      }
      if (code === 'EACCES')
        throw new StartFailed(`port ${port} is not allowed for this user: set ${setting} to a port above 1023`, {
          cause: error,
        });
      throw error;
    }
  }
}

function listenOn(server: Server, port: number, host: string | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      server.off('listening', succeed);
      reject(error);
    };
    const succeed = (): void => {
      server.off('error', fail);
      resolve((server.address() as AddressInfo).port);
    };
    server.once('error', fail).once('listening', succeed).listen(port, host);
  });
}
