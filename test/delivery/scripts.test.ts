import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';

const ROOT = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
const scripts = (await readdir(join(ROOT, 'scripts'))).filter((name) => name.endsWith('.sh'));

test.each(scripts)('%s has a --help, and rejects unknown options', async (script) => {
  const path = join(ROOT, 'scripts', script);
  expect((await run(path, ['--help'])).stdout).toMatch(new RegExp(`^usage: scripts/${script}`));
  await expect(run(path, ['--no-such-option'])).rejects.toMatchObject({ code: 2 });
});

/** Runs a script with fake programs in front of the real ones; also resolves when it fails. */
async function runWith(
  programs: Readonly<Record<string, string>>,
  command: readonly [string, ...string[]],
  env: Readonly<Record<string, string>> = {},
): Promise<{ code: number; stdout: string; stderr: string; calls: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-script-'));
  const calls = join(directory, 'calls');
  try {
    await writeFile(calls, '');
    for (const [name, body] of Object.entries(programs))
      await writeFile(join(directory, name), `#!/bin/sh\necho "${name} $*" >>"${calls}"\n${body}\n`, { mode: 0o755 });
    const { PATH = '' } = process.env;
    const ended = await run(command[0], command.slice(1), {
      cwd: ROOT,
      env: { HOME: directory, PATH: `${directory}:${PATH}`, DIRECTORY: directory, ...env },
    }).then(
      (output) => ({ code: 0, ...output }),
      ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
    );
    return { ...ended, calls: await readFile(calls, 'utf8') };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

describe('start.sh', () => {
  /** Rejects options as docker does: `rm` has no `--time`. */
  const options = `case $1 in
    stop) known=' --time ' ;; rm) known=' --force ' ;; ps) known=' --all --format ' ;; inspect) known=' --format ' ;; logs) known=' --tail ' ;;
    run) known=' --detach --name --network --restart --stop-timeout --read-only --tmpfs --cap-drop --security-opt --volume --env --publish ' ;;
    *) known= ;;
  esac
  for word; do case "$known:$word" in *" \${word} "*:--* | *:[!-]* | *:-[!-]*) ;; *) echo "unknown flag: $word" >&2; exit 125 ;; esac; done`;

  const start = (engine: string, ...args: string[]) =>
    runWith({ docker: `${options}\n${engine}`, realpath: 'exit 1' }, ['scripts/start.sh', ...args], {
      CONFIG: 'docs',
      SECRETS: tmpdir(),
      DATABASE_URL: 'postgres://x',
    });

  test('without the image the running bot is not touched', async () => {
    const { code, stderr, calls } = await start('[ "$1" != image ]');
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining('scripts/rebuild.sh') });
    expect(calls).not.toMatch(/^docker (stop|rm|run)/m);
  });

  test('if the bot does not start, it says so with the last lines of the log', async () => {
    const ended = await start('case $1 in exec) exit 1 ;; inspect) echo 1 ;; logs) echo "no such room" ;; esac');
    expect(ended).toMatchObject({ code: 1, stderr: expect.stringMatching(/no such room[^]*did not start/) });
    expect(ended.stdout).not.toContain('started');
  });

  test('it reports the start, and no secret is on a command line', async () => {
    const ended = await start('true');
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('started on http://127.0.0.1:8080') });
    expect(ended.calls).not.toContain('postgres://x');
    expect(ended.calls).toContain(`--volume ${ROOT}/docs:/etc/watchbell:ro`);
  });

  test('stop removes both containers', async () => {
    const engine =
      'case $1 in rm) touch "$DIRECTORY/$3.gone" ;; ps) for c in watchbell watchbell-postgres; do [ -e "$DIRECTORY/$c.gone" ] || echo $c; done ;; esac';
    const ended = await start(engine, 'stop');
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('stopped') });
    expect(ended.calls).toMatch(
      /stop --time 20 watchbell\n[^]*rm --force watchbell\n[^]*rm --force watchbell-postgres\n/,
    );
  });

  test.each([
    ['that keeps a container', 'case $1 in rm) exit 1 ;; ps) echo watchbell-postgres ;; esac'],
    ['that is not running', 'echo "is the daemon running?" >&2; exit 1'],
  ])('stop reports no success with an engine %s', async (_, engine) => {
    const ended = await start(engine, 'stop');
    expect(ended).toMatchObject({ code: 1, stdout: '', stderr: expect.stringMatching(/rm --force|daemon/) });
  });
});

test.each([
  [401, 0, 'cloudflared tunnel'],
  [404, 0, 'cloudflared tunnel'],
])('tunnel.sh: for a bot that responds with %i, the exit status is %i', async (status, code, called) => {
  const server = createServer((_request, response) => {
    response.statusCode = status;
    response.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const PORT = String((server.address() as AddressInfo).port);
    const ended = await runWith({ cloudflared: 'true' }, ['scripts/tunnel.sh', 'cloudflared'], { PORT });
    expect(ended).toMatchObject({ code, calls: expect.stringContaining(called) });
  } finally {
    server.close();
  }
});

test.each([
  ['an unknown client', ['scripts/tunnel.sh', 'clouldflared'], /use cloudflared, /],
  ['a tag without a name', ['scripts/rebuild.sh', '--tag'], /--tag needs a name/],
] as const)('%s is rejected with an explanation', async (_, command, message) => {
  expect(await runWith({}, command)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) });
});

test('without curl, tunnel.sh says so instead of reporting that no bot responds', async () => {
  const env = { BASH_ENV: '$DIRECTORY/without-curl' };
  const programs = { ssh: 'true', 'without-curl': 'command() { [ "$2" != curl ] && builtin command "$@"; }' };
  expect(await runWith(programs, ['scripts/tunnel.sh', 'ssh'], env)).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('install curl'),
  });
});

test('deploy.sh rejects a chart of another version than the given one', async () => {
  const programs = { kubectl: 'echo here', helm: 'echo "version: 0.1.0"' };
  const env = { VALUES: '/dev/null', CHART: 'charts/watchbell' };
  const ended = await runWith(programs, ['scripts/deploy.sh', '9.9.9'], env);
  expect(ended).toMatchObject({ code: 2, stderr: expect.stringContaining('has version 0.1.0, not 9.9.9') });
  expect(ended.calls).not.toContain('upgrade');
  expect((await runWith(programs, ['scripts/deploy.sh', '0.1.0', '--dry-run'], env)).code).toBe(0);
});

describe('deploy.sh', () => {
  const env = { VALUES: '/dev/null', CHART: 'oci://registry.example.org/watchbell' };
  const deploy = (helm: string, ...args: string[]) =>
    runWith(
      { kubectl: 'case $* in *logs*) echo "how far it came" ;; *) echo here ;; esac', helm },
      ['scripts/deploy.sh', ...args],
      env,
    );

  test.each([
    ['v3.19.0', 'as followed by the script', ''],
    ['v4.1.0', 'as printed by helm', 'echo "how far it came";'],
  ])('with helm %s a failing test is reported, with the log of its pod %s', async (version, _, prints) => {
    const helm = `case $1 in version) echo ${version} ;; test) ${prints} exit 1 ;; esac`;
    const ended = await deploy(helm, '1.2.3');
    expect(ended.code).toBe(1);
    expect(ended.stdout.match(/how far it came/g)).toHaveLength(1);
    expect(ended.calls).not.toContain('--logs');
    expect(await deploy(`[ "$1" != version ] || echo ${version}`, '1.2.3')).toMatchObject({ code: 0 });
  });

  test('overwrites manual changes, if helm does not do that itself', async () => {
    const calls = async (version: string) => (await deploy(`[ "$1" != version ] || echo ${version}`, '1.2.3')).calls;
    expect(await calls('v4.1.0')).toMatch(/helm upgrade .*--server-side=true --force-conflicts/);
    expect(await calls('v3.19.0')).not.toContain('--force-conflicts');
  });

  test('rejects two versions, and a machine without helm', async () => {
    expect(await deploy('true', '1.2.3', '1.2.4')).toMatchObject({ code: 2, stderr: expect.stringContaining('1.2.4') });
    const without = await runWith({ kubectl: 'true' }, ['scripts/deploy.sh', '1.2.3'], {
      ...env,
      HELM: 'no-such-helm',
    });
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('no-such-helm') });
  });
});

test.each([
  ['it succeeds', {}, 0, '0 passed, 0 failed'],
  ['with NO_SKIPS it fails', { NO_SKIPS: '1' }, 1, '0 passed, 1 failed'],
])('integration-tests.sh without a cluster says so: %s', async (_, env, code, result) => {
  const ended = await runWith({}, ['scripts/integration-tests.sh'], env);
  expect(ended).toMatchObject({ code, stdout: expect.stringMatching(new RegExp(`^SKIPPED[^]*\n${result}\n$`)) });
});

test.each(['buildah push', 'buildah bud', 'cluster.sh load'])(
  'if `%s` fails, the cluster is not tested with an image of an earlier run',
  async (failing) => {
    const body = `case "$(basename "$0") $1" in '${failing}') exit 1 ;; inspect) exit 0 ;; esac`;
    const script =
      '. scripts/integration/cluster.sh; work=$DIRECTORY cluster=$DIRECTORY WATCHBELL_CLUSTER=$DIRECTORY; cp() { mkdir -p "$work/postgres"; }; images_without_registry a:1 b:1';
    const programs = { buildah: body, 'cluster.sh': body };
    expect((await runWith(programs, ['bash', '-c', script])).code).toBe(1);
    const well = { buildah: 'true', 'cluster.sh': 'true' };
    const { code, calls } = await runWith(well, ['bash', '-c', script]);
    expect(code).toBe(0);
    expect(calls.match(/^cluster\.sh load/gm)).toHaveLength(3);
  },
);

test('the previous release is the last tag before the commit; if there is none, the script says so', async () => {
  const script = `
    set -e; export GIT_CONFIG_GLOBAL=/dev/null
    git() { command git -c user.name=a -c user.email=a@b.test "$@"; }
    commit() { git commit -q --allow-empty -m "$1"; }
    . scripts/integration/releases.sh; failed=0; NO_SKIPS=1
    say() { find_previous && echo "$1 $previous" || echo "$1 none, $failed failed"; }
    git init -q "$DIRECTORY/whole"; cd "$DIRECTORY/whole"
    commit one; say first
    git tag v0.1.0; say tagged
    commit two; git tag v0.2.0; say second
    commit three; git tag v0.3.0-rc.1; commit four; say later
    git clone -q --depth 1 "file://$DIRECTORY/whole" ../shallow; cd ../shallow; say shallow`;
  const { stdout } = await runWith({}, ['bash', '-c', script]);
  expect(stdout.split('\n').filter((line) => !/^(SKIPPED|FAIL)/.test(line))).toEqual([
    ...['first none, 0 failed', 'tagged none, 0 failed', 'second v0.1.0', 'later v0.2.0', 'shallow none, 1 failed', ''],
  ]);
  expect(stdout.match(/^SKIPPED: .*no tag vX\.Y\.Z precedes/gm)).toHaveLength(2);
});

test('a tag is released only if all versions are the same', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'watchbell-release-'));
  try {
    for (const file of [
      'package.json',
      'package-lock.json',
      'CHANGELOG.md',
      'charts/watchbell/Chart.yaml',
      'scripts/release.sh',
    ])
      await cp(join(ROOT, file), join(directory, file));
    const script = join(directory, 'scripts/release.sh');
    const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string };
    const log = join(directory, 'CHANGELOG.md');
    await writeFile(log, (await readFile(log, 'utf8')).replace('## Unreleased', `## ${version} - 2026-12-01`));
    expect((await run(script, [`v${version}`])).stdout).toContain('can be published');
    await expect(run(script, ['v99.0.0'])).rejects.toMatchObject({
      stderr: expect.stringMatching(/package\.json[\s\S]*package-lock\.json[\s\S]*appVersion[\s\S]*CHANGELOG/),
    });
    await writeFile(log, '# Changelog\n\n## Unreleased\n');
    await expect(run(script, [`v${version}`])).rejects.toMatchObject({
      stderr: expect.stringContaining('CHANGELOG.md'),
    });
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
});
