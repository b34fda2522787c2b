#!/usr/bin/env bash
# Creates the secrets of docker-compose.yaml: random for each machine, without default passwords.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/compose-secrets.sh [--help]

Writes passwords for Postgres, pgAdmin and Grafana to .env, and the token that Alertmanager sends to Watchbell to
compose/secrets/alerts-token. Existing secrets are kept. Then run: docker compose up
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  '') ;;
  *) echo "compose-secrets: unknown argument $1" >&2; usage >&2; exit 2 ;;
esac

random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }

umask 077
touch .env
chmod 600 .env
for name in POSTGRES_PASSWORD PGADMIN_PASSWORD GRAFANA_PASSWORD; do
  if grep -q "^$name=." .env; then continue; fi
  # Empty lines, as in .env.example, are filled in.
  { grep -v "^$name=" .env || true; echo "$name=$(random)"; } >.env.new
  mv .env.new .env
done

# Other users of this machine cannot open the directory; the file in it is readable for the users of the containers.
mkdir -p compose/secrets
[ -s compose/secrets/alerts-token ] || (umask 022 && random >compose/secrets/alerts-token)
echo 'The secrets are in .env and compose/secrets. Next: docker compose up'
