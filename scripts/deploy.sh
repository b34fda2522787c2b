#!/usr/bin/env bash
# Deploys a published release of the chart to a cluster.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/deploy.sh VERSION [--dry-run] [--help]

Deploys the published chart VERSION (X.Y.Z) to the cluster of the current context. First a Helm dry run, which sends nothing
and only finds templates that cannot be rendered and kinds that the cluster does not know. Then the deployment, which is rolled
back if it does not become ready. At the end `helm test` verifies a round trip. If that test fails, the script exits with status
1 and leaves the new release in place: read the log of its pod, which is printed, and run helm rollback if necessary.

  --dry-run      stops after the dry run

  CHART          default oci://ghcr.io/watchbell/charts/watchbell; a directory or file must have VERSION
  VALUES         files with values, separated by spaces (required)
  RELEASE        default bell
  NAMESPACE      default watchbell; created if it is missing
  KUBE_CONTEXT   fails unless this is the current context
  TIMEOUT        default 5m
  HELM           helm 3 or 4; default: helm
TEXT
}

version='' dry=
for argument in "$@"; do
  case $argument in
    -h | --help) usage; exit 0 ;;
    --dry-run) dry=yes ;;
    -*) echo "deploy: unknown option $argument" >&2; usage >&2; exit 2 ;;
    *)
      [ -z "$version" ] || { echo "deploy: two versions given, $version and $argument: give one" >&2; exit 2; }
      version=$argument
      ;;
  esac
done
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo 'deploy: give a version: scripts/deploy.sh 1.2.3' >&2; exit 2; }
[ -n "${VALUES:-}" ] || { echo 'deploy: set the values files: VALUES="production.yaml" scripts/deploy.sh 1.2.3' >&2; exit 2; }

helm=${HELM:-helm} chart=${CHART:-oci://ghcr.io/watchbell/charts/watchbell}
release=${RELEASE:-bell} namespace=${NAMESPACE:-watchbell} timeout=${TIMEOUT:-5m}
for program in kubectl "$helm"; do
  command -v "$program" >/dev/null || { echo "deploy: $program is not installed" >&2; exit 2; }
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
    [ "$found" = "$version" ] || { echo "deploy: the chart in $chart has ${found:+version }${found:-no version}, not $version: check out that version, or use $found" >&2; exit 2; }
    ;;
esac
# helm 4 renamed --atomic, and only overwrites manual changes, such as by kubectl scale, if forced.
if "$helm" version --template '{{ .Version }}' | grep -q '^v3'; then rollback=--atomic; else
  rollback=--rollback-on-failure
  args+=(--server-side=true --force-conflicts)
fi

echo "== $release $version in $namespace on $context: dry run"
"$helm" "${args[@]}" --dry-run=server >/dev/null
[ -n "$dry" ] && { echo 'The chart renders for this cluster. Nothing was sent or changed.'; exit 0; }
echo '== deploying'
"$helm" "${args[@]}" "$rollback" --timeout "$timeout"
echo '== testing a round trip'
# The test pod is deleted when the test ends, so that none outlives the release. Helm 4 prints its log; with helm 3 it is followed.
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
