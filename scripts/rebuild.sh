#!/usr/bin/env bash
# Builds the image.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'TEXT'
usage: scripts/rebuild.sh [--tag REF] [--help]

Builds the image from the Dockerfile with docker, podman or buildah, whichever is installed.

  --tag REF    name of the image; default watchbell:VERSION

  BUILDER      docker, podman or buildah; default: the first one installed
  NPMRC        an .npmrc for a private package registry
  CA           private CA certificates for the registry or proxy, in PEM
  BUILD_ARGS   additional build arguments, for example --pull-never
TEXT
}

version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
tag=watchbell:$version
while [ $# -gt 0 ]; do
  case $1 in
    --tag)
      [ -n "${2:-}" ] || { echo 'rebuild: --tag needs a name: --tag watchbell:try' >&2; exit 2; }
      tag=$2
      shift 2
      ;;
    -h | --help) usage; exit 0 ;;
    *) echo "rebuild: unknown option $1" >&2; usage >&2; exit 2 ;;
  esac
done

builder=${BUILDER:-}
if [ -z "$builder" ]; then
  for one in docker podman buildah; do
    if command -v "$one" >/dev/null && { [ "$one" = buildah ] || "$one" info >/dev/null 2>&1; }; then builder=$one; break; fi
  done
fi
[ -n "$builder" ] || { echo 'rebuild: install docker, podman or buildah' >&2; exit 2; }

# For reproducible layers, file times are those of the commit.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || echo 0)
export SOURCE_DATE_EPOCH
args=(--build-arg "VERSION=$version" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" -t "$tag")
[ -n "${NPMRC:-}" ] && args+=(--secret "id=npmrc,src=$NPMRC")
[ -n "${CA:-}" ] && args+=(--secret "id=ca,src=$CA")
read -ra more <<<"${BUILD_ARGS:-}"
case $builder in
  docker) docker buildx build --load --build-arg "SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH" "${args[@]}" ${more[@]+"${more[@]}"} . ;;
  podman) podman build --timestamp "$SOURCE_DATE_EPOCH" "${args[@]}" ${more[@]+"${more[@]}"} . ;;
  buildah) buildah bud --timestamp "$SOURCE_DATE_EPOCH" "${args[@]}" ${more[@]+"${more[@]}"} . ;;
  *) echo "rebuild: BUILDER must be docker, podman or buildah, not $builder" >&2; exit 2 ;;
esac
echo "built $tag"
