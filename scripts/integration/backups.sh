# Backups: next to the running bot, on schedule to a bucket, and restores; part of scripts/integration-tests.sh.
# shellcheck shell=bash disable=SC2154 # work is the script's

backed_up() { # as the CronJob does it; the backup can be read to its end
  k exec deploy/bell-watchbell -- sh -c 'watchbell backup --to /tmp/backups --keep 2 && watchbell restore --check /tmp/backups'
}

completed() { k wait --for=condition=Complete "job/$1" --timeout=180s >/dev/null || { k logs "job/$1"; return 1; }; }

bucket() { homeserver test/cluster/bucket.ts "$@"; }

# An S3 server with a bucket, and CronJobs that run every minute; the keys are in a Secret.
each_minute() {
  k apply -f test/cluster/bucket.yaml >/dev/null && k wait --for=condition=Ready pod/bucket --timeout=120s >/dev/null || return 1
  eventually 30 bucket_made || { cat "$work/bucket"; return 1; }
  install upgrade -f test/cluster/each-minute.yaml
}

bucket_made() { bucket make bells >"$work/bucket" 2>&1; }

scheduled() { # CRONJOB: a Job that the controller created on schedule has succeeded
  local job
  k get cronjob "$1" >/dev/null || return 1
  eventually 150 ran "$1" || { k describe cronjob "$1" | tail -n 15; k logs -l batch.kubernetes.io/job-name --tail 5; return 1; }
  job=$(ran "$1")
  k logs "job/$job" | tail -n 1
}

# Prints the Job. A Job created manually from the CronJob has an annotation.
ran() {
  k get jobs -o json | jq -er --arg by "$1" '
    [.items[] | select(any(.metadata.ownerReferences[]?; .kind == "CronJob" and .name == $by)
        and .metadata.annotations["cronjob.kubernetes.io/instantiate"] == null and .status.succeeded == 1)]
    | first | .metadata.name // empty'
}

not_two_at_once() { # and removed automatically; both are checked in the live objects
  k get cronjobs -o json | jq -e '.items | length == 2 and all(.spec.concurrencyPolicy == "Forbid")' &&
    k get jobs -o json | jq -e '.items | length > 0 and all(.spec.ttlSecondsAfterFinished > 0)'
}

in_bucket() { # the CronJob's backup is complete; the next one deletes older ones
  k patch cronjob bell-watchbell-backup -p '{"spec":{"suspend":true}}' >/dev/null && eventually 60 idle bell-watchbell-backup || return 1
  k exec deploy/bell-watchbell -- watchbell restore --check s3://bells/prod || return 1
  k exec deploy/bell-watchbell -- watchbell backup --to s3://bells/prod --keep 1 >/dev/null || return 1
  bucket list bells >"$work/bucket" || return 1
  [ "$(wc -l <"$work/bucket")" -eq 1 ] || { cat "$work/bucket"; return 1; }
}

idle() { [ -z "$(k get cronjob "$1" -o jsonpath='{.status.active}')" ]; }

restored() { # as in docs/operating.md: a backup by the CronJob, an empty database, a Job created from the CronJob
  k apply -f - >/dev/null <<'YAML' || return 1
apiVersion: v1
kind: PersistentVolumeClaim
metadata: { name: backups }
spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 100Mi } } }
YAML
  with_backups "${forced[@]}" || return 1
  k create job backup-now --from=cronjob/bell-watchbell-backup >/dev/null && completed backup-now || return 1
  k scale deploy/bell-watchbell --replicas 0 >/dev/null && k wait --for=delete pod -l app.kubernetes.io/component=bot --timeout=60s >/dev/null || return 1
  k patch cronjob bell-watchbell-backup -p '{"spec":{"suspend":true}}' >/dev/null && empty_database || return 1
  job_of_backup restore '.args = ["restore", "/backups"]' || return 1
  with_backups "${forced[@]}" || return 1
  [ "$(k get cronjob bell-watchbell-backup -o jsonpath='{.spec.suspend}')" = false ] || { echo 'backups are still suspended'; return 1; }
  eventually 60 ask_quickly '!version' watchbell || return 1
  k logs job/restore | head -n 1
}

with_backups() { install upgrade --set backup.enabled=true,backup.volume.existingClaim=backups "$@"; }

job_of_backup() { # NAME FILTER for its container: a Job created from the CronJob
  k create job "$1" --from=cronjob/bell-watchbell-backup --dry-run=client -o json |
    jq ".spec.template.spec.containers[0] |= ($2)" | k apply -f - >/dev/null && completed "$1"
}

# Renames the old database. If the image has no psql, a pod of the bot does it.
empty_database() {
  local aside='alter database watchbell rename to watchbell_old' anew='create database watchbell'
  if k exec bell-watchbell-postgres-0 -- sh -c 'command -v psql' >/dev/null 2>&1; then
    k exec bell-watchbell-postgres-0 -- psql -U watchbell -d postgres -c "$aside" -c "$anew"
  else
    job_of_backup empty-database "del(.args) | .command = [\"node\", \"-e\", \"
      const uri = new URL(require('fs').readFileSync('/run/secrets/watchbell/database-uri', 'utf8').trim());
      uri.pathname = '/postgres';
      const client = new (require('pg').Client)(uri.href);
      client.connect().then(() => client.query('$aside')).then(() => client.query('$anew')).then(() => client.end());\"]"
  fi
}
