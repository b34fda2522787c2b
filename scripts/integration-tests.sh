#!/usr/bin/env bash
# Installs the chart in a cluster and tests it under the events of a real cluster.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2
# shellcheck source=scripts/integration/cluster.sh
. scripts/integration/cluster.sh
# shellcheck source=scripts/integration/pressure.sh
. scripts/integration/pressure.sh
# shellcheck source=scripts/integration/backups.sh
. scripts/integration/backups.sh
# shellcheck source=scripts/integration/releases.sh
. scripts/integration/releases.sh
# shellcheck source=scripts/integration/trial.sh
. scripts/integration/trial.sh

usage() {
  cat <<'TEXT'
usage: scripts/integration-tests.sh [--keep] [--help]

Installs the chart under Pod Security "restricted": first as a trial, with helm test right away; then with Postgres and a
homeserver in pods: helm test, a changed configuration and a rotated Secret without a restart, upgrade and rollback under traffic
(from the release before this commit, if it has a tag, and of this one), kill -9 of the active replica, drain, eviction under node
pressure, deletion of the database pod, publishing the chart to a registry and deploying it with scripts/deploy.sh, scheduled
CronJobs with backups to an S3 bucket, a restore, uninstall. No webhook may be rejected, no alert lost or doubled. The last line is
"N passed, N failed".

  --keep              keeps everything it installed

  KUBECONFIG          the cluster; for kind, this script builds and loads the images
  WATCHBELL_CLUSTER   without KUBECONFIG: directory with a program cluster.sh (up, load, crds, env, down) that creates one
  WATCHBELL_CLUSTER_STATE  its state directory; the cluster may then be running already, and is left running
  WATCHBELL_IMAGE     an image that the cluster can pull, instead of building one
  WATCHBELL_TEST_IMAGE  the same with test/ in it, see test/cluster/Dockerfile
  WATCHBELL_PREVIOUS_IMAGE  with these two: the image of the previous release; default: the published one
  HELM                helm 4, or 3.18 and later; default: helm, otherwise the one installed by npm ci
  NAMESPACE           default watchbell-test; created, and deleted at the end

Without a cluster it skips everything, says so, and succeeds; if NO_SKIPS is set, it fails.
TEXT
}

keep=
for option in "$@"; do
  case $option in
    --keep) keep=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "integration-tests: unknown option $option" >&2; usage >&2; exit 2 ;;
  esac
done

namespace=${NAMESPACE:-watchbell-test}
passed=0 failed=0

# check SENTENCE COMMAND...: runs a command, prints its output, and counts the result.
check() {
  local sentence=$1 from=$SECONDS output
  shift
  if output=$("$@" 2>&1); then
    passed=$((passed + 1)); echo "ok    $sentence ($((SECONDS - from)) s)${output:+: $(tail -n 1 <<<"$output")}"
  else
    failed=$((failed + 1)); echo "FAIL  $sentence"; tail -n 25 <<<"$output" | sed 's/^/        /'
  fi
}

k() { kubectl -n "$namespace" "$@"; }
helm_() { "$helm" -n "$namespace" "$@"; }
homeserver() { k exec homeserver -- node --disable-warning=ExperimentalWarning "$@"; }
ask() { homeserver test/cluster/ask.ts "$@"; }
# The bot's pods that are not terminating: terminating ones stay for a few seconds.
of_bots() { k get pods -l app.kubernetes.io/component=bot -o json | jq -r ".items[] | select(.metadata.deletionTimestamp == null) | $1"; }
bots() { of_bots 'select(.status.phase == "Running") | "pod/" + .metadata.name'; }

install() {
  helm_ "${1:-upgrade}" bell charts/watchbell -f test/cluster/values.yaml "${cluster_values[@]}" --wait --timeout 180s "${@:2}" >"$work/helm" 2>&1 ||
    { cat "$work/helm"; return 1; }
}

# traffic NAME COUNT EVERY_MS COMMAND...: posts while the command runs; fails unless every alert was accepted. Prints what was
# rejected. The pod posts in the background, even if the connection to it breaks.
traffic() {
  local name=$1 count=$2 every=$3 result
  shift 3
  k exec homeserver -- sh -c "{ node --disable-warning=ExperimentalWarning test/cluster/traffic.ts $name $count $every; echo posted; } >/tmp/$name 2>&1 &" || return 1
  sleep 1
  "$@" >"$work/$name.command" 2>&1 || { cat "$work/$name.command"; eventually 180 posted "$name"; return 1; }
  eventually 180 posted "$name" || { cat "$work/$name"; return 1; }
  result=$(tail -n 2 "$work/$name" | head -n 1)
  echo "$result$(tail -n 1 "$work/$name.command" | sed 's/^./; &/')"
  grep -q "\"taken\":$count," <<<"$result"
}
posted() { k exec homeserver -- cat "/tmp/$1" >"$work/$1" 2>/dev/null && tail -n 1 "$work/$1" | grep -qx posted; }

# Alertmanager retries requests without an answer, so they are not lost; during a rollout no retry should be necessary.
calm_traffic() { traffic "$@" && grep -q '"refused":{}' "$work/$1"; }

restarts() { of_bots '"\(.metadata.uid) \(.status.containerStatuses[0].restartCount)"'; }

metric() { # metric POD NAME: sum of its series
  k exec "$1" -- node -e "fetch('http://127.0.0.1:8081/metrics').then((r) => r.text()).then((t) => console.log(t.split('\n').filter((l) => l.startsWith('$2')).reduce((s, l) => s + Number(l.split(' ').at(-1)), 0)))" 2>/dev/null
}

# eventually SECONDS COMMAND...
eventually() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do [ "$SECONDS" -lt "$until" ] || return 1; sleep 0.5; done
}

speaker() { # the pod that holds the connector's lease
  local pod
  for pod in $(bots); do
    [ "$(metric "$pod" 'watchbell_lease_held{lease="connector:matrix"}')" = 1 ] && { echo "$pod"; return; }
  done
  return 1
}

# Not with --logs: the pod is deleted by then. Helm 4 prints its output.
round_trip() { helm_ test bell --timeout 200s; }

ready_after() { # since process start, by its own clock
  local pod line
  for pod in $(bots); do
    line=$(k logs "$pod" | grep -o '"afterMs":[0-9]*') || { echo "$pod does not say when it was ready"; return 1; }
    echo "${pod#pod/}: ${line#*:} ms"
  done | paste -sd, -
}

changed_configuration() { # the bot loads a changed ConfigMap and says so, without a restart
  local before
  before=$(restarts)
  install upgrade --set config.name=sentinel || return 1
  nudge
  eventually 120 ask_quickly 'sentinel: version' 'watchbell' || return 1
  [ "$(restarts)" = "$before" ] || { echo "pods were restarted: $before, now $(restarts)"; return 1; }
}

ask_quickly() { timeout 3 kubectl -n "$namespace" exec homeserver -- node --disable-warning=ExperimentalWarning test/cluster/ask.ts say "$@" >/dev/null 2>&1; }

# The kubelet checks mounted ConfigMaps and Secrets about once a minute, and whenever a pod changes.
nudge() { k annotate pods -l app.kubernetes.io/component=bot --overwrite "nudged=$SECONDS-$RANDOM" >/dev/null; }

refused_configuration() { # an unknown room: the last good configuration stays active, and a new pod starts with it
  install upgrade --set 'config.skills.alerts.route.rooms={opps}' || return 1
  nudge
  local pod
  pod=$(bots | head -n 1)
  eventually 120 not_reloaded "$pod" || { echo 'the faulty configuration was not noticed'; return 1; }
  k rollout restart deploy/bell-watchbell >/dev/null && k rollout status deploy/bell-watchbell --timeout 120s || return 1
  ask say '!version' watchbell || return 1
  install upgrade && nudge
  eventually 120 all_reloaded
}
not_reloaded() { [ "$(metric "$1" watchbell_config_last_reload_successful)" = 0 ]; }
all_reloaded() { local pod; for pod in $(bots); do [ "$(metric "$pod" watchbell_config_last_reload_successful)" = 1 ] || return 1; done; }

fragment_added() { # a team's ConfigMap that is added later is loaded without a restart
  local before pod loaded
  before=$(restarts) pod=$(bots | head -n 1)
  loaded=$(metric "$pod" watchbell_config_last_reload_success_timestamp_seconds) && [ -n "$loaded" ] || return 1
  k create configmap team --from-literal=watchbell.yaml='people: { tim: { accounts: { matrix: "@tim:fake.test" } } }' >/dev/null || return 1
  nudge
  eventually 120 reloaded_since "$pod" "$loaded" || { echo 'the fragment was not loaded'; return 1; }
  all_reloaded && [ "$(restarts)" = "$before" ]
}
reloaded_since() {
  local now
  now=$(metric "$1" watchbell_config_last_reload_success_timestamp_seconds) && [ -n "$now" ] && [ "$now" != "$2" ]
}

skill_mounted() { # a custom skill from a ConfigMap
  ask say '!standup' 'Good morning'
}

rotated_secret() { # a new token takes effect without a restart
  local before token
  before=$(restarts)
  token=$(printf alerts-token-two | base64)
  k patch secret bell -p "{\"data\":{\"alerts-token\":\"$token\"}}" >/dev/null || return 1
  nudge
  eventually 120 accepts alerts-token-two || { echo 'the new token is not accepted'; return 1; }
  k patch secret bell -p "{\"data\":{\"alerts-token\":\"$(printf alerts-token-one | base64)\"}}" >/dev/null
  nudge
  eventually 120 accepts alerts-token-one || return 1
  [ "$(restarts)" = "$before" ]
}
accepts() { k exec homeserver -- env "ALERTS_TOKEN=$1" node --disable-warning=ExperimentalWarning test/cluster/traffic.ts Rotated 1 1 resolve 2>/dev/null | grep -q '"taken":2'; }

upgrade() { install upgrade --set podAnnotations.release=next; }
rollback() {
  local last
  last=$(helm_ history bell -o json --max 20 | grep -o '"revision":[0-9]*' | tail -n 2 | head -n 1 | cut -d: -f2)
  helm_ rollback bell "$last" --wait --timeout 180s
}

killed() { # kill -9 of the active pod: the other one takes over within 5 s
  local pod took
  pod=$(speaker) || { echo 'no pod holds the connector'; return 1; }
  kill_nine "${pod#pod/}" || return 1
  took=$(ask say '!version' watchbell) || { echo "$took"; return 1; }
  k rollout status deploy/bell-watchbell --timeout 120s >/dev/null || return 1
  echo "${pod#pod/} killed; another one answered after $took ms"
  [ "$took" -le "${TAKE_OVER_MS:-5000}" ]
}

drained() {
  local node
  node=$(k get "$(bots | head -n 1)" -o jsonpath='{.spec.nodeName}')
  kubectl drain "$node" --pod-selector="app.kubernetes.io/component=bot,app.kubernetes.io/instance=bell" --timeout=120s --ignore-daemonsets --delete-emptydir-data >"$work/drain" 2>&1 &
  local draining=$!
  eventually 30 grep -q evicting "$work/drain"
  kubectl uncordon "$node" >/dev/null # there may be no other node to go to
  wait "$draining" || { cat "$work/drain"; return 1; }
  k rollout status deploy/bell-watchbell --timeout 120s
}

database_deleted() {
  local before
  before=$(restarts)
  k delete pod bell-watchbell-postgres-0 --wait >/dev/null || return 1
  k rollout status statefulset/bell-watchbell-postgres --timeout 120s || return 1
  eventually 60 ask_quickly '!version' watchbell || return 1
  [ "$(restarts)" = "$before" ] || { echo "the bot was restarted: $before, now $(restarts)"; return 1; }
}

stopped() { # SIGTERM reaches the program, which is process 1; otherwise the grace period of 30 s would pass
  local pod from=$SECONDS
  pod=$(bots | head -n 1)
  k delete "$pod" --wait --timeout 60s >/dev/null || return 1
  echo "gone after $((SECONDS - from)) s"
  [ $((SECONDS - from)) -le 15 ] || return 1
  k rollout status deploy/bell-watchbell --timeout 120s >/dev/null
}

changed_password() { # of the development Postgres: Postgres restarts with it, and the bot follows without a restart
  local before
  before=$(restarts)
  install upgrade --set postgres.development.password="it's another" && followed_password && install upgrade && followed_password || return 1
  [ "$(restarts)" = "$before" ] || { echo "the bot was restarted: $before, now $(restarts)"; return 1; }
}
followed_password() { nudge && eventually 120 ask_quickly '!version' watchbell; }

left_over() { k get "$kinds" -l "app.kubernetes.io/instance=$1" -o name 2>/dev/null; }
gone() { [ -z "$(left_over "$1")" ]; }
uninstalled() { # the database volume is kept
  local kept
  kinds=all,configmap,secret,serviceaccount,ingress,networkpolicy,poddisruptionbudget,cronjob,job,role,rolebinding
  [ -n "$(left_over bell)" ] || { echo 'no objects were found before the uninstall either'; return 1; }
  kept=$(k get persistentvolumeclaim -o name)
  helm_ uninstall bell --wait --timeout 120s || return 1
  eventually 60 gone bell || { left_over bell; return 1; }
  [ "$(k get persistentvolumeclaim -o name)" = "$kept" ] || { echo "these should have been kept: $kept"; k get persistentvolumeclaim; return 1; }
}

accepted_by_server() { # every object of every example, in a dry run on the API server
  local file objects
  for file in charts/watchbell/ci/*-values.yaml; do
    objects=$(helm_ template bell charts/watchbell --no-hooks -f "$file" "${cluster_values[@]}") || return 1
    node_ scripts/integration/known-kinds.ts "$(kubectl api-resources --no-headers -o name | tr '\n' ' ')" <<<"$objects" >"$work/objects.yaml" || return 1
    k apply --dry-run=server --validate=strict -f "$work/objects.yaml" >"$work/applied" || { echo "$file"; return 1; }
    grep -q Warning "$work/applied" && { cat "$work/applied"; return 1; }
  done
  echo "$(find charts/watchbell/ci -name '*-values.yaml' | wc -l) examples"
}

find_cluster || exit 0
prepare || { echo 'the cluster or its images could not be prepared'; echo "$passed passed, $((failed + 1)) failed"; exit 1; }

check 'the API server accepts every example in strict mode' accepted_by_server
if find_previous; then
  check "the previous release, $previous, installs" previous_installed
  check "an upgrade from $previous under traffic rejects no webhook" calm_traffic Newer 100 200 install upgrade
  check '… and each alert is shown once' ask shown Newer 100
  check "a rollback to $previous under traffic rejects no webhook" calm_traffic Older 100 200 rollback
  check '… and each alert is shown once' ask shown Older 100
fi
check 'a trial under another name: helm test right after the install waits for the bot' tried_at_once
check '… after an upgrade it waits for the new configuration' tried_after_upgrade
check '… a failing test says why and leaves no pod' tried_in_vain
check '… it runs with any user id, and uses the warm compile cache' any_user
check '… helm --wait succeeds with backups on a storage class that waits for its first consumer' backups_awaited
check '… an upgrade overwrites what kubectl scale has set' scaled_by_hand
check '… uninstall keeps the backup volume' trial_uninstalled
check 'it installs under Pod Security restricted' install upgrade --install
check 'helm test: an alert is shown, acknowledged and resolved' round_trip
check 'doctor finds no problems' k exec deploy/bell-watchbell -- watchbell doctor
check 'a skill from a ConfigMap answers' skill_mounted
check 'a fragment that is added later is loaded without a restart' fragment_added
check 'a changed configuration is loaded without a restart' changed_configuration
check 'a faulty configuration is rejected, and a new pod starts with the last good one' refused_configuration
check 'a rotated Secret takes effect without a restart' rotated_secret
check 'an upgrade under traffic rejects no webhook' calm_traffic Upgrade 100 200 upgrade
check '… and each alert is shown once' ask shown Upgrade 100
check 'a rollback under traffic rejects no webhook' calm_traffic Rollback 100 200 rollback
check '… and each alert is shown once' ask shown Rollback 100
check 'each replica logs how quickly it was ready, with the database up' ready_after
check 'kill -9 of the active replica: another takes over within 5 s' traffic Killed 60 200 killed
check '… and each alert is shown once' ask shown Killed 60
check 'a drain is not blocked' traffic Drained 60 200 drained
check '… and each alert is shown once' ask shown Drained 60
check 'both replicas are evicted and replaced' traffic Evicted 200 200 evicted
check '… and each alert is shown once' ask shown Evicted 200
check 'the database pod is deleted and recreated; the bot keeps running' traffic Database 60 200 database_deleted
check '… and each alert is shown once' ask shown Database 60
check 'a changed password of the development Postgres takes effect without a restart of the bot' changed_password
check 'a replica exits within 15 s of SIGTERM' stopped
check 'a backup made while the bot is running is complete' backed_up
check 'release.sh accepts the tag, and the chart is published to a registry' published
check 'deploy.sh changes nothing in its dry run, then deploys the published chart under traffic' calm_traffic Deployed 150 200 with_registry deployed
check '… and each alert is shown once' ask shown Deployed 150
check 'deploy.sh fails with an image that does not exist, and rolls back under traffic' calm_traffic Vain 150 200 with_registry deployed_in_vain
check '… and each alert is shown once' ask shown Vain 150
check 'CronJobs that run every minute are installed, with an S3 bucket for backups' each_minute
check '… the backup runs on schedule' scheduled bell-watchbell-backup
check '… the search for overdue timers runs on schedule' scheduled bell-watchbell-recover
check '… Jobs never overlap, and are removed after their TTL' not_two_at_once
check '… the backup in the bucket is complete, and older ones are deleted' in_bucket
check 'a Job restores a backup into an empty database, as documented' restored
check 'helm test passes after all of that' round_trip
[ -n "$keep" ] || check 'uninstall keeps only the database volume' uninstalled
if [ -n "$keep" ]; then kept; else tidy; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
