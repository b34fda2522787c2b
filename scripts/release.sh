#!/usr/bin/env bash
# Checks that a tag can be published.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/release.sh vX.Y.Z [--help]

Checks that the tag, package.json, the lock file, and the chart's version and appVersion are the same, and that CHANGELOG.md has a
section for it. Reports all problems at once. Publishes nothing: pushing the tag does.
TEXT
}

case ${1:-} in
  -h | --help) usage; exit 0 ;;
  v*) tag=$1 ;;
  *) usage >&2; exit 2 ;;
esac
wrong=0
complain() { echo "release: $1" >&2; wrong=1; }
expect() { [ "$2" = "$version" ] || complain "$1 has ${2:-no version}, the tag has $version: change one of them"; }

version=${tag#v}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { complain "$tag does not have the form vX.Y.Z"; exit 1; }
expect package.json "$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)"
expect package-lock.json "$(sed -n '1,10s/^  "version": "\(.*\)",$/\1/p' package-lock.json)"
expect 'version of charts/watchbell/Chart.yaml' "$(sed -n 's/^version: //p' charts/watchbell/Chart.yaml)"
expect 'appVersion of charts/watchbell/Chart.yaml' "$(sed -n 's/^appVersion: //p' charts/watchbell/Chart.yaml)"
grep -qE "^## \[?${version//./\\.}\]?( |$)" CHANGELOG.md || complain "CHANGELOG.md has no section \"## $version\": rename \"Unreleased\""
if [ "$wrong" -eq 0 ]; then echo "$tag can be published: git tag $tag && git push origin $tag"; fi
exit "$wrong"
