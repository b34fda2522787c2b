# Node pressure and eviction; part of scripts/integration-tests.sh.
# shellcheck shell=bash disable=SC2154 # cluster, source and namespace are the script's

# The kubelet evicts both replicas, without PodDisruptionBudget or grace period. On the node that this script created it also
# evicts the database. They are replaced by new pods.
evicted() {
  local before result took
  mapfile -t before < <(bots)
  [ "${#before[@]}" -eq 2 ] || { echo "there are ${#before[@]} replicas to evict, not 2"; return 1; }
  short_of_room "${before[@]}" && eventually 150 were_evicted "${before[@]}"
  result=$?
  enough_room || { echo 'the node is still under pressure'; return 1; }
  [ "$result" -eq 0 ] || { k get pods -o wide; kubectl describe nodes | grep -E 'Pressure|Taints'; return 1; }
  k delete pods -l app.kubernetes.io/component=bot --field-selector status.phase=Failed >/dev/null
  k rollout status statefulset/bell-watchbell-postgres --timeout 120s >/dev/null && k rollout status deploy/bell-watchbell --timeout 120s >/dev/null || return 1
  took=$(ask say '!version' watchbell) || { echo "$took"; return 1; }
  echo "${#before[@]} evicted because $short_of; their replacements answered after $took ms"
}

were_evicted() { # PODS
  local pod
  for pod in "$@"; do [ "$(k get "$pod" -o jsonpath='{.status.phase}/{.status.reason}')" = Failed/Evicted ] || return 1; done
}

# On the node that this script created: memory; the kubelet is restarted with a threshold above the free memory. On other clusters
# the closest that kubectl can do: the pods exceed the size limit of their temporary directory.
short_of_room() { # PODS
  local pod
  if [ "$source" = made ]; then
    short_of='the node had MemoryPressure'
    # Soft: a hard threshold would be subtracted from the allocatable memory, and this one exceeds what the node has.
    kubelet_with 'evictionSoft: { memory.available: 1Ti }' 'evictionSoftGracePeriod: { memory.available: 1s }' &&
      kubectl wait --for=condition=MemoryPressure node --all --timeout=60s >/dev/null
  else
    short_of='their temporary directories were full'
    for pod in "$@"; do k exec "$pod" -- sh -c 'head -c 80M /dev/zero >/tmp/filled'; done
  fi
}

enough_room() {
  [ "$source" = made ] || return 0
  kubelet_with && kubectl wait --for=condition=MemoryPressure=false node --all --timeout=60s >/dev/null
}

kubelet_with() { # LINES for its configuration, replacing those added before
  local pid command file=$cluster/kubelet.yaml
  [ -e "$file.before" ] || cp "$file" "$file.before" || return 1
  { cat "$file.before" && printf '%s\n' "$@"; } >"$file"
  pid=$(cat "$cluster/run/kubelet.pid") && mapfile -d '' -t command <"/proc/$pid/cmdline" || return 1
  kill "$pid" && eventually 20 is_gone "$pid" || return 1
  setsid "${command[@]}" >>"$cluster/log/kubelet.log" 2>&1 </dev/null &
  echo $! >"$cluster/run/kubelet.pid"
}
is_gone() { ! kill -0 "$1" 2>/dev/null; }
