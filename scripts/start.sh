#!/usr/bin/env bash
# Runs Watchbell in a container on this machine, with a Postgres container.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/start.sh [stop] [--help]

Starts Watchbell in a container and, unless DATABASE_URL is set, a Postgres container. Running it again replaces Watchbell's
container and keeps the data. `stop` removes both containers and keeps the data. After a reboot docker restarts both; with
podman, run this script again.

  CONFIG        directory with watchbell.yaml; default ./config
  SECRETS       directory with one file per secret; default ./secrets
  DATABASE_URL  your own Postgres
  PORT          port for webhooks and the web chat; default 8080
  ADDRESS       address to listen on; default 127.0.0.1
  IMAGE         default watchbell:VERSION, which scripts/rebuild.sh builds
  ENGINE        docker or podman; default: the first one installed
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '' | stop) ;;
  *) echo "start: unknown argument $1" >&2; usage >&2; exit 2 ;;
esac
engine=${ENGINE:-$(command -v docker || command -v podman || true)}
[ -n "$engine" ] || { echo 'start: install docker or podman' >&2; exit 2; }

# A failure to remove shows in what follows: a container that is still listed, or a name that is in use.
remove() {
  "$engine" stop --time 20 "$1" >/dev/null 2>&1 || true
  "$engine" rm --force "$1" >/dev/null 2>&1 || true
}

if [ "${1:-}" = stop ]; then
  remove watchbell
  remove watchbell-postgres
  names=$("$engine" ps --all --format '{{.Names}}')
  if grep -qxE 'watchbell(-postgres)?' <<<"$names"; then
    echo "start: $engine could not remove watchbell or watchbell-postgres; try: $engine rm --force watchbell watchbell-postgres" >&2
    exit 1
  fi
  echo 'stopped; the data is kept in the volume watchbell-postgres'
  exit 0
fi

# Waits until the bot listens; if the container exits, its engine restarts it and counts that.
wait_until_started() {
  local left=60
  until "$engine" exec watchbell node -e "fetch('http://127.0.0.1:8081/startupz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))" 2>/dev/null; do
    left=$((left - 1))
    [ "$left" -gt 0 ] && [ "$("$engine" inspect --format '{{.RestartCount}}' watchbell)" = 0 ] || return 1
    sleep 1
  done
}

# realpath does not accept missing files on every machine.
absolute() { case $1 in /*) echo "$1" ;; *) echo "$PWD/$1" ;; esac; }

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
config=$(absolute "${CONFIG:-config}") secrets=$(absolute "${SECRETS:-secrets}")
[ -e "$config" ] || { echo "start: $config does not exist: put watchbell.yaml there, or set CONFIG" >&2; exit 2; }
image=${IMAGE:-watchbell:$version}
if ! "$engine" image inspect "$image" >/dev/null 2>&1; then
  echo "start: image $image does not exist: build it with scripts/rebuild.sh, or set IMAGE" >&2
  exit 2
fi
mkdir -p "$secrets"
"$engine" network inspect watchbell >/dev/null 2>&1 || "$engine" network create watchbell >/dev/null

if [ -z "${DATABASE_URL:-}" ]; then
  password_file=$secrets/postgres-password
  if [ ! -s "$password_file" ]; then (umask 077 && openssl rand -hex 24 >"$password_file"); fi
  password=$(cat "$password_file")
  if ! "$engine" container inspect watchbell-postgres >/dev/null 2>&1; then
    POSTGRES_PASSWORD=$password "$engine" run --detach --name watchbell-postgres --network watchbell --restart unless-stopped \
      --volume watchbell-postgres:/var/lib/postgresql/data --env PGDATA=/var/lib/postgresql/data/pgdata \
      --env POSTGRES_USER=watchbell --env POSTGRES_DB=watchbell --env POSTGRES_PASSWORD \
      docker.io/library/postgres:18 >/dev/null
  fi
  "$engine" start watchbell-postgres >/dev/null
  DATABASE_URL=postgres://watchbell:$password@watchbell-postgres:5432/watchbell
fi

remove watchbell
export DATABASE_URL # only the name is on the command line, not the value
"$engine" run --detach --name watchbell --network watchbell --restart unless-stopped --stop-timeout 20 \
  --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
  --volume "$config:/etc/watchbell:ro" --volume "$secrets:/run/secrets/watchbell:ro" --env DATABASE_URL --env PORT=8080 --env OPS_PORT=8081 \
  --publish "${ADDRESS:-127.0.0.1}:${PORT:-8080}:8080" "$image" >/dev/null
if ! wait_until_started; then
  "$engine" logs --tail 20 watchbell >&2
  echo "start: the bot did not start; see the last lines of its log above. Fix the problem and run this again" >&2
  exit 1
fi
address=http://${ADDRESS:-127.0.0.1}:${PORT:-8080}
echo "started on $address; log: $engine logs --follow watchbell"
echo "to sign in to the web chat, if configured: $engine exec watchbell watchbell sign-in --url $address"
