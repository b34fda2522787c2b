#!/usr/bin/env bash
# Makes the secrets of docker-compose.yaml: of each machine its own, none of them a default that others know.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/compose-secrets.sh [--help]

Writes passwords for Postgres, pgAdmin and Grafana to .env, and the token that Alertmanager shows to Watchbell to
compose/secrets/alerts-token. What is there already stays as it is. Then: docker compose up
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') ;;
  *) echo "compose-secrets: there is no $1" >&2; usage >&2; exit 2 ;;
esac

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

umask 077
touch .env
chmod 600 .env
for name in POSTGRES_PASSWORD PGADMIN_PASSWORD GRAFANA_PASSWORD; do
  if grep -q "^$name=." .env; then continue; fi
  # A line left empty, as .env.example has it, is filled.
  { grep -v "^$name=" .env || true; echo "$name=$(random)"; } >.env.new
  mv .env.new .env
done

# The directory is closed to other users of this machine; in it the file is open to the users of the containers.
mkdir -p compose/secrets
[ -s compose/secrets/alerts-token ] || (umask 022 && random >compose/secrets/alerts-token)
echo 'The secrets are in .env and compose/secrets. Next: docker compose up'
