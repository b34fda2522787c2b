# Releases: the upgrade from the previous one; publishing and deploying the chart; part of scripts/integration-tests.sh.
# shellcheck shell=bash disable=SC2154 # helm, namespace and work are the script's

# Sets `previous`: the tag of the release before this commit. If there is none, says why.
find_previous() {
  previous=$(git describe --tags --abbrev=0 --match 'v[0-9]*.[0-9]*.[0-9]*' --exclude '*-*' HEAD^ 2>/dev/null) && return
  if [ "$(git rev-parse --is-shallow-repository 2>/dev/null)" = false ]; then
    echo 'SKIPPED: the upgrade from the previous release: no tag vX.Y.Z precedes this commit'
  else
    echo 'SKIPPED: the upgrade from the previous release: it is unknown in a shallow clone'
    [ -z "${NO_SKIPS:-}" ] || { failed=$((failed + 1)); echo 'FAIL  NO_SKIPS is set, so nothing may be skipped: git fetch --unshallow --tags'; }
  fi
  return 1
}

previous_installed() { # chart, program and values of the tag; once the test has passed, the Service is up
  local tree=$work/previous image=docker.io/library/watchbell:previous
  mkdir "$tree" && git archive "$previous" | tar -x -C "$tree" || return 1
  if [ "$source" = given ]; then
    image=${WATCHBELL_PREVIOUS_IMAGE:-ghcr.io/watchbell/watchbell:${previous#v}}
  elif ! previous_image "$tree" "$image" >"$work/build" 2>&1; then
    tail -n 30 "$work/build"
    return 1
  fi
  helm_ install bell "$tree/charts/watchbell" -f "$tree/test/cluster/values.yaml" "${cluster_values[@]}" \
    --set "image.repository=${image%:*},image.tag=${image##*:}" --wait --timeout 180s >/dev/null && round_trip
}

previous_image() { # TREE IMAGE
  case $source in
    made) build_without_registry "$1" "$2" && load "$2" ;;
    kind) BUILDER=docker "$1/scripts/rebuild.sh" --tag "$2" && load_into_kind "$2" ;;
  esac
}

# The registry is in the cluster, with a certificate that only this script trusts, and is accessed through kubectl.
with_registry() { # COMMAND...: runs it with the address in `registry`
  local forwarding result
  kubectl -n "$namespace" port-forward pod/registry :5000 >"$work/forward" 2>&1 &
  forwarding=$!
  eventually 30 grep -q '^Forwarding from 127' "$work/forward" || { cat "$work/forward"; kill "$forwarding"; return 1; }
  registry=127.0.0.1:$(sed -n 's/^Forwarding from 127\.0\.0\.1:\([0-9]*\) .*/\1/p' "$work/forward")
  SSL_CERT_FILE=$work/registry.crt "$@"
  result=$?
  kill "$forwarding"
  return "$result"
}

released_version() { sed -n 's/^version: //p' charts/watchbell/Chart.yaml; }

published() { # like CI's job `publish`: release.sh accepts the tag, and the chart is pushed
  local tree=$work/release version
  version=$(released_version)
  openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=registry -addext subjectAltName=IP:127.0.0.1 -keyout "$work/registry.key" -out "$work/registry.crt" 2>/dev/null &&
    k create secret tls registry --cert "$work/registry.crt" --key "$work/registry.key" >/dev/null &&
    k apply -f test/cluster/registry.yaml >/dev/null && k wait --for=condition=Ready pod/registry --timeout=120s >/dev/null || return 1
  mkdir "$tree" && cp -R CHANGELOG.md package.json package-lock.json charts scripts "$tree" || return 1
  sed -i "s/^## Unreleased/## $version/" "$tree/CHANGELOG.md"
  "$tree/scripts/release.sh" "v$version" && "$helm" package "$tree/charts/watchbell" --destination "$tree" >/dev/null && with_registry pushed "$tree/watchbell-$version.tgz"
}
pushed() { "$helm" push "$1" "oci://$registry/charts" 2>&1; }

# deploy VALUES TIMEOUT [OPTION]: like CI's job `deploy`, on top of the existing release and its values
deploy() {
  helm_ get values bell -o yaml >"$work/production.yaml" || return 1
  HELM=$helm CHART=oci://$registry/charts/watchbell VALUES="$work/production.yaml $1" RELEASE=bell NAMESPACE=$namespace \
    KUBE_CONTEXT=$(kubectl config current-context) TIMEOUT=$2 scripts/deploy.sh "$(released_version)" "${@:3}"
}
revision() { helm_ history bell -o json --max 1 | jq -r '.[0] | "\(.revision) \(.status)"'; }
running_image() { k get deploy/bell-watchbell -o jsonpath='{.spec.template.spec.containers[0].image} {.spec.template.metadata.annotations.release}'; }

deployed() {
  local before
  before=$(revision)
  echo 'podAnnotations: { release: published }' >"$work/published.yaml"
  deploy "$work/published.yaml" 120s --dry-run || return 1
  [ "$(revision)" = "$before" ] || { echo "the dry run changed the release: it was $before, it is $(revision)"; return 1; }
  deploy "$work/published.yaml" 120s || return 1
  [[ $(running_image) = *' published' ]] || { running_image; return 1; }
  echo "was $before, is $(revision)"
}

deployed_in_vain() { # an image that does not exist: deploy.sh fails, and the same pods keep running
  local before pods
  before=$(running_image) pods=$(restarts)
  echo 'image: { tag: no-such-release }' >"$work/broken.yaml"
  if deploy "$work/broken.yaml" 20s; then echo 'deploy.sh succeeded'; return 1; fi
  [ "$(running_image)" = "$before" ] || { echo "it was $before, it is $(running_image)"; return 1; }
  eventually 60 same_pods "$pods" || { echo "the pods were $pods, they are $(restarts)"; return 1; }
  [[ $(revision) = *' deployed' ]] || { helm_ history bell; return 1; }
  helm_ history bell --max 1 -o json | jq -r '.[0].description'
}
same_pods() { [ "$(restarts)" = "$1" ]; }
