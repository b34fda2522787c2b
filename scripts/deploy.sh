#!/usr/bin/env bash
# Puts a published release of the chart into a cluster.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/deploy.sh VERSION [--dry-run] [--help]

Deploys the published chart VERSION (X.Y.Z) to the cluster of the current context: first a dry run of Helm's, which sends
nothing and finds only what cannot be rendered and kinds that the cluster does not know; then for real, and what does not
become ready is rolled back. At the end `helm test` proves a round trip. A test that fails ends this with status 1 and leaves
the new release in place: look at the log of its pod, which is printed, then helm rollback if need be.

  --dry-run      stops after the first part

  CHART          default oci://ghcr.io/watchbell/charts/watchbell; a directory or file must be of VERSION
  VALUES         files with values, separated by spaces (required)
  RELEASE        default bell
  NAMESPACE      default watchbell; made when it is missing
  KUBE_CONTEXT   refuses unless this is the current context
  TIMEOUT        default 5m
  HELM           helm 3 or 4; default: helm
TEXT
}

version='' dry=
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry=yes ;;
    -*) echo "deploy: there is no option $argument" >&2; usage >&2; exit 2 ;;
    *)
      [ -z "$version" ] || { echo "deploy: one version, not two: $version or $argument?" >&2; exit 2; }
      version=$argument
      ;;
  esac
done
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo 'deploy: say which version: scripts/deploy.sh 1.2.3' >&2; exit 2; }
[ -n "${VALUES:-}" ] || { echo 'deploy: name the values: VALUES="production.yaml" scripts/deploy.sh 1.2.3' >&2; exit 2; }

helm=${HELM:-helm} chart=${CHART:-oci://ghcr.io/watchbell/charts/watchbell}
release=${RELEASE:-bell} namespace=${NAMESPACE:-watchbell} timeout=${TIMEOUT:-5m}
for program in kubectl "$helm"; do
  command -v "$program" >/dev/null || { echo "deploy: there is no $program here; install it" >&2; exit 2; }
done
context=$(kubectl config current-context)
if [ -n "${KUBE_CONTEXT:-}" ] && [ "$context" != "$KUBE_CONTEXT" ]; then
  echo "deploy: the current context is $context, not $KUBE_CONTEXT" >&2
  exit 2
fi

values=()
for file in $VALUES; do
  [ -r "$file" ] || { echo "deploy: $file cannot be read" >&2; exit 2; }
  values+=(-f "$file")
done
args=(upgrade --install "$release" "$chart" --namespace "$namespace" --create-namespace "${values[@]}")
case $chart in
  oci://* | http*) args+=(--version "$version") ;;
  *)
    found=$("$helm" show chart "$chart" | sed -n 's/^version: //p')
    [ "$found" = "$version" ] || { echo "deploy: the chart in $chart is ${found:-of no version}, not $version: check that version out, or say $found" >&2; exit 2; }
    ;;
esac
# helm 4 has another word for --atomic, and takes back only by force what somebody set by hand, such as by kubectl scale.
if "$helm" version --template '{{ .Version }}' | grep -q '^v3'; then rollback=--atomic; else
  rollback=--rollback-on-failure
  args+=(--server-side=true --force-conflicts)
fi

echo "== $release $version in $namespace of $context: a dry run"
"$helm" "${args[@]}" --dry-run=server >/dev/null
[ -n "$dry" ] && { echo 'It can be rendered for this cluster. Nothing was sent or changed.'; exit 0; }
echo '== deploying'
"$helm" "${args[@]}" "$rollback" --timeout "$timeout"
echo '== proving a round trip'
# The pod of the test goes with its end, so that none outlives the release. Helm 4 prints its log; with helm 3 it is followed.
follow() {
  until kubectl --namespace "$namespace" logs --follow --selector "app.kubernetes.io/instance=$release,app.kubernetes.io/component=test" --tail=-1 2>/dev/null |
    grep --line-buffered .; do sleep 1; done
}
following='' result=0
if [ "$rollback" = --atomic ]; then follow & following=$!; fi
"$helm" test "$release" --namespace "$namespace" --timeout "$timeout" || result=1
if [ -n "$following" ]; then
  for _ in 1 2 3 4 5; do kill -0 "$following" 2>/dev/null || break; sleep 0.2; done
  kill "$following" 2>/dev/null || true
fi
exit "$result"
