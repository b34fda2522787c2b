#!/usr/bin/env bash
# Installs the chart in a cluster and does to it what clusters do to programs.
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

Installs the chart under Pod Security "restricted": as a trial, with helm test at once; then with Postgres and a homeserver in pods: helm test, a changed
configuration and a rotated Secret without a restart, upgrade and rollback under traffic (from the release before this
commit, where there is a tag of one, and of this one), kill -9 of the replica that speaks, drain, a node that runs short and
evicts, the database pod deleted, the chart published to a registry and deployed from it with scripts/deploy.sh, CronJobs by
their schedule with backups into a bucket of S3, a restore, uninstall. Nothing may be refused, lost or doubled. Ends with
"N passed, N failed".

  --keep              leaves what it installed

  KUBECONFIG          the cluster; of kind, its images are built and loaded by this script
  WATCHBELL_CLUSTER   without KUBECONFIG: directory of a program cluster.sh (up, load, crds, env, down) that makes one
  WATCHBELL_CLUSTER_STATE  its directory; then it may run already, and is left running
  WATCHBELL_IMAGE     an image the cluster can pull, instead of building one
  WATCHBELL_TEST_IMAGE  the same with test/ in it, see test/cluster/Dockerfile
  WATCHBELL_PREVIOUS_IMAGE  with these two: the image of the release before; default: the published one
  HELM                helm 4, or 3 from 3.18 on; default: helm, else the one that comes with npm ci
  NAMESPACE           default watchbell-test; made, and deleted at the end

Without a cluster it skips everything, says so, and ends well; where NO_SKIPS is set, that fails.
TEXT
}

keep=
for option in "$@"; do
  case $option in
    --keep) keep=yes ;;
    -h | --help) usage; exit 0 ;;
    *) echo "integration-tests: there is no option $option" >&2; usage >&2; exit 2 ;;
  esac
done

namespace=${NAMESPACE:-watchbell-test}
passed=0 failed=0

# check SENTENCE COMMAND...: prints what the command printed, and counts.
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
# Of the bot's pods, those that were not told to go: they live on for some seconds.
of_bots() { k get pods -l app.kubernetes.io/component=bot -o json | jq -r ".items[] | select(.metadata.deletionTimestamp == null) | $1"; }
bots() { of_bots 'select(.status.phase == "Running") | "pod/" + .metadata.name'; }

install() {
  helm_ "${1:-upgrade}" bell charts/watchbell -f test/cluster/values.yaml "${cluster_values[@]}" --wait --timeout 180s "${@:2}" >"$work/helm" 2>&1 ||
    { cat "$work/helm"; return 1; }
}

# traffic NAME COUNT EVERY_MS COMMAND...: posts while the command runs; fails unless every alert was taken. Says what was refused.
# The pod posts by itself, whatever becomes of the connection to it.
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

# Alertmanager repeats what got no answer, so nothing is lost then; in a rollout it should not even have to.
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

speaker() { # the pod that holds the lease of the connector
  local pod
  for pod in $(bots); do
    [ "$(metric "$pod" 'watchbell_lease_held{lease="connector:matrix"}')" = 1 ] && { echo "$pod"; return; }
  done
  return 1
}

# Not with --logs: the pod is gone by then. Helm 4 prints what it said.
round_trip() { helm_ test bell --timeout 200s; }

ready_after() { # since the process began, by its own clock
  local pod line
  for pod in $(bots); do
    line=$(k logs "$pod" | grep -o '"afterMs":[0-9]*') || { echo "$pod does not say when it was ready"; return 1; }
    echo "${pod#pod/}: ${line#*:} ms"
  done | paste -sd, -
}

changed_configuration() { # the bot takes a changed ConfigMap and says so, in the same process
  local before
  before=$(restarts)
  install upgrade --set config.name=sentinel || return 1
  nudge
  eventually 120 ask_quickly 'sentinel: version' 'watchbell' || return 1
  [ "$(restarts)" = "$before" ] || { echo "pods were restarted: $before, now $(restarts)"; return 1; }
}

ask_quickly() { timeout 3 kubectl -n "$namespace" exec homeserver -- node --disable-warning=ExperimentalWarning test/cluster/ask.ts say "$@" >/dev/null 2>&1; }

# The kubelet looks at mounted ConfigMaps and Secrets about once a minute, and whenever a pod changes.
nudge() { k annotate pods -l app.kubernetes.io/component=bot --overwrite "nudged=$SECONDS-$RANDOM" >/dev/null; }

refused_configuration() { # a name that leads nowhere: the last good configuration stays, and a new pod starts with it
  install upgrade --set 'config.skills.alerts.route.rooms={opps}' || return 1
  nudge
  local pod
  pod=$(bots | head -n 1)
  eventually 120 not_reloaded "$pod" || { echo 'the wrong configuration was not noticed'; return 1; }
  k rollout restart deploy/bell-watchbell >/dev/null && k rollout status deploy/bell-watchbell --timeout 120s || return 1
  ask say '!version' watchbell || return 1
  install upgrade && nudge
  eventually 120 all_reloaded
}
not_reloaded() { [ "$(metric "$1" watchbell_config_last_reload_successful)" = 0 ]; }
all_reloaded() { local pod; for pod in $(bots); do [ "$(metric "$pod" watchbell_config_last_reload_successful)" = 1 ] || return 1; done; }

fragment_added() { # a ConfigMap that a team brings later counts without a restart
  local before pod loaded
  before=$(restarts) pod=$(bots | head -n 1)
  loaded=$(metric "$pod" watchbell_config_last_reload_success_timestamp_seconds) && [ -n "$loaded" ] || return 1
  k create configmap team --from-literal=watchbell.yaml='people: { tim: { accounts: { matrix: "@tim:fake.test" } } }' >/dev/null || return 1
  nudge
  eventually 120 reloaded_since "$pod" "$loaded" || { echo 'the fragment was not read'; return 1; }
  all_reloaded && [ "$(restarts)" = "$before" ]
}
reloaded_since() {
  local now
  now=$(metric "$1" watchbell_config_last_reload_success_timestamp_seconds) && [ -n "$now" ] && [ "$now" != "$2" ]
}

skill_mounted() { # of the team's own, from a ConfigMap
  ask say '!standup' 'Good morning'
}

rotated_secret() { # a new token counts without a restart
  local before token
  before=$(restarts)
  token=$(printf alerts-token-two | base64)
  k patch secret bell -p "{\"data\":{\"alerts-token\":\"$token\"}}" >/dev/null || return 1
  nudge
  eventually 120 accepts alerts-token-two || { echo 'the new token is not taken'; return 1; }
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

killed() { # kill -9 of the speaking pod: the other one speaks within 5 s
  local pod took
  pod=$(speaker) || { echo 'no pod holds the connector'; return 1; }
  kill_nine "${pod#pod/}" || return 1
  took=$(ask say '!version' watchbell) || { echo "$took"; return 1; }
  k rollout status deploy/bell-watchbell --timeout 120s >/dev/null || return 1
  echo "${pod#pod/} killed; another spoke after $took ms"
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

stopped() { # SIGTERM reaches the program, which is process 1; without it the grace of 30 s would pass
  local pod from=$SECONDS
  pod=$(bots | head -n 1)
  k delete "$pod" --wait --timeout 60s >/dev/null || return 1
  echo "gone after $((SECONDS - from)) s"
  [ $((SECONDS - from)) -le 15 ] || return 1
  k rollout status deploy/bell-watchbell --timeout 120s >/dev/null
}

changed_password() { # of the development Postgres: it restarts with it, and the bot follows in the same process
  local before
  before=$(restarts)
  install upgrade --set postgres.development.password="it's another" && followed_password && install upgrade && followed_password || return 1
  [ "$(restarts)" = "$before" ] || { echo "the bot was restarted: $before, now $(restarts)"; return 1; }
}
followed_password() { nudge && eventually 120 ask_quickly '!version' watchbell; }

left_over() { k get "$kinds" -l "app.kubernetes.io/instance=$1" -o name 2>/dev/null; }
gone() { [ -z "$(left_over "$1")" ]; }
uninstalled() { # the volume of the database stays
  local kept
  kinds=all,configmap,secret,serviceaccount,ingress,networkpolicy,poddisruptionbudget,cronjob,job,role,rolebinding
  [ -n "$(left_over bell)" ] || { echo 'nothing was found even before'; return 1; }
  kept=$(k get persistentvolumeclaim -o name)
  helm_ uninstall bell --wait --timeout 120s || return 1
  eventually 60 gone bell || { left_over bell; return 1; }
  [ "$(k get persistentvolumeclaim -o name)" = "$kept" ] || { echo "kept should be $kept"; k get persistentvolumeclaim; return 1; }
}

accepted_by_server() { # every example, with every object, as the API server sees it
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

check 'every example is taken by the API server, strictly' accepted_by_server
if find_previous; then
  check "the release before, $previous, installs" previous_installed
  check "an upgrade from $previous under traffic refuses no webhook" calm_traffic Newer 100 200 install upgrade
  check '… and each alert is shown once' ask shown Newer 100
  check "a rollback to $previous under traffic refuses no webhook" calm_traffic Older 100 200 rollback
  check '… and each alert is shown once' ask shown Older 100
fi
check 'a trial under another name: helm test at once waits for the bot' tried_at_once
check '… after an upgrade it waits for the new configuration' tried_after_upgrade
check '… a test that fails says why and leaves no pod' tried_in_vain
check '… it runs with any user id, and with a warm compile cache' any_user
check '… helm --wait is not held up by backups on a class that waits for its first consumer' backups_awaited
check '… an upgrade takes back what kubectl scale has set' scaled_by_hand
check '… uninstall leaves the volume of backups' trial_uninstalled
check 'it installs under Pod Security restricted' install upgrade --install
check 'helm test: an alert is shown, acknowledged and resolved' round_trip
check 'doctor finds all well' k exec deploy/bell-watchbell -- watchbell doctor
check 'a skill from a ConfigMap answers' skill_mounted
check 'a fragment that a team brings later is taken without a restart' fragment_added
check 'a changed configuration counts without a restart' changed_configuration
check 'a wrong configuration is refused, and a new pod starts with the last good one' refused_configuration
check 'a rotated Secret counts without a restart' rotated_secret
check 'an upgrade under traffic refuses no webhook' calm_traffic Upgrade 100 200 upgrade
check '… and each alert is shown once' ask shown Upgrade 100
check 'a rollback under traffic refuses no webhook' calm_traffic Rollback 100 200 rollback
check '… and each alert is shown once' ask shown Rollback 100
check 'each replica says how soon it was ready, now that there is a database' ready_after
check 'kill -9 of the speaking replica: another speaks within 5 s' traffic Killed 60 200 killed
check '… and each alert is shown once' ask shown Killed 60
check 'a drain is not blocked' traffic Drained 60 200 drained
check '… and each alert is shown once' ask shown Drained 60
check 'both replicas are evicted; others take their places' traffic Evicted 200 200 evicted
check '… and each alert is shown once' ask shown Evicted 200
check 'the database pod is deleted and comes back; the bot stays' traffic Database 60 200 database_deleted
check '… and each alert is shown once' ask shown Database 60
check 'a changed password of the development Postgres counts, without a restart of the bot' changed_password
check 'a replica that is asked to stop is gone within 15 s' stopped
check 'a backup can be taken beside the running bot, and is whole' backed_up
check 'release.sh lets its tag through, and the chart is published to a registry' published
check 'deploy.sh changes nothing in its dry run, then deploys the published chart under traffic' calm_traffic Deployed 150 200 with_registry deployed
check '… and each alert is shown once' ask shown Deployed 150
check 'deploy.sh fails with an image that is not there, and rolls back under traffic' calm_traffic Vain 150 200 with_registry deployed_in_vain
check '… and each alert is shown once' ask shown Vain 150
check 'CronJobs of each minute are installed, with an S3 bucket for backups' each_minute
check '… the backup runs by its schedule' scheduled bell-watchbell-backup
check '… the search for overdue timers too' scheduled bell-watchbell-recover
check '… and the API server has it that there are never two at once, and that each Job is removed in time' not_two_at_once
check '… what is in the bucket is whole, and older ones are deleted there' in_bucket
check 'a backup is restored into an empty database by a Job, as the pages say it' restored
check 'helm test again, after all that' round_trip
[ -n "$keep" ] || check 'uninstall leaves nothing but the volume of the database' uninstalled
if [ -n "$keep" ]; then kept; else tidy; fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
