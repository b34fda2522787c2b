# The trial as people install it: without waiting, under any name, with any user id; part of scripts/integration-tests.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # helm, namespace, source and work are the script's, kinds is for it

try_() { helm_ "$1" try charts/watchbell -f charts/watchbell/ci/development-values.yaml "${cluster_values[@]}" "${@:2}" >"$work/helm" 2>&1 || { cat "$work/helm"; return 1; }; }

# Readiness is delayed, so that the Service has no endpoints for a while.
tried_at_once() { try_ install --set readinessProbe.initialDelaySeconds=20 && helm_ test try --timeout 200s; }

tried_after_upgrade() { # with a source that the running pod does not know yet
  echo 'config: { skills: { alerts: { sources: { next: { tokens: [{ file: alerts-token }] } } } } }' >"$work/next.yaml"
  try_ upgrade --set readinessProbe.initialDelaySeconds=20 -f "$work/next.yaml" --set test.source=next && helm_ test try --timeout 200s
}

tried_in_vain() { # the test fails and says why (helm 3 does not print it); no pod is left
  try_ upgrade --set test.source=nope || return 1
  if helm_ test try --timeout 120s >"$work/test" 2>&1; then echo 'it passed'; return 1; fi
  "$helm" version --template '{{ .Version }}' | grep -q '^v3' || grep -o 'no source called[^;]*' "$work/test" || { cat "$work/test"; return 1; }
  [ -z "$(k get pods -l app.kubernetes.io/instance=try,app.kubernetes.io/component=test -o name)" ] || { k get pods; return 1; }
}

any_user() { # a user that the image does not know can also read the compile cache
  try_ upgrade --set podSecurityContext.runAsUser=1234567,podSecurityContext.fsGroup=1234567,podSecurityContext.runAsGroup=null --wait --timeout 120s || return 1
  k exec deploy/try-watchbell -- sh -c 'id -u; ls -d /tmp/watchbell-compile-cache-*/v*-1234567; grep VmRSS /proc/1/status' | paste -sd' '
}

# The storage class of this node waits for a first consumer, as does kind's. Without a class nothing waits.
backups_awaited() {
  local class=()
  if [ "$source" = made ]; then
    kubectl apply -f - >/dev/null <<'YAML' && volume watchbell-test-awaited try-watchbell-backup watchbell-test || return 1
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: { name: watchbell-test }
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
YAML
    class=(--set backup.volume.storageClass=watchbell-test)
  elif [ -z "$(kubectl get storageclass -o name)" ]; then
    echo 'not tested: this cluster has no storage class'
    return
  fi
  try_ upgrade --set backup.enabled=true,backup.volume.size=100Mi "${class[@]}" --wait --timeout 120s
}

scaled_by_hand() { # an upgrade sets it to the value again
  k scale deploy/try-watchbell --replicas 3 >/dev/null && try_ upgrade "${forced[@]}" || return 1
  [ "$(k get deploy try-watchbell -o jsonpath='{.spec.replicas}')" = 1 ]
}

trial_uninstalled() { # only the backup volume claim is kept
  helm_ uninstall try --wait --timeout 120s >/dev/null || return 1
  kinds=all,configmap,secret,serviceaccount,poddisruptionbudget,cronjob,job
  eventually 60 gone try || { left_over try; return 1; }
  k delete pvc -l app.kubernetes.io/instance=try >/dev/null
}
