#!/usr/bin/env bash
# Makes the libraries' NuGet packages, with symbols that carry their sources, in artifacts/packages, a folder that can be used as a feed. Each is validated against the last release,
# whose commit stands in eng/baseline.txt; while that says "none" there is nothing to compare with.
# Usage: eng/pack.sh [--verify] [--baseline REVISION]
#   --verify              builds twice, from scratch and in two folders, and fails unless both give the same bytes
#   --baseline REVISION   validates against the packages of another commit
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh

verify= baseline=$(grep -v '^#' eng/baseline.txt)
while [ $# -gt 0 ]; do
  case "$1" in
    --verify) verify=yes ;;
    --baseline) baseline=${2:?--baseline needs a revision}; shift ;;
    *) echo "pack.sh: unknown option '$1'; known: --verify and --baseline REVISION" >&2; exit 2 ;;
  esac
  shift
done

# NuGet names one entry at random and stamps all with the time. Each package is put together anew, with fixed times and names in order.
normalize() {
  local package=$1 work
  work=$(mktemp -d)
  unzip -q "$package" -d "$work"
  for name in "$work"/package/services/metadata/core-properties/*.psmdcp; do
    [ "$(basename "$name")" = nuget.psmdcp ] || mv "$name" "$(dirname "$name")/nuget.psmdcp"
  done
  sed -i -E 's|(core-properties/)[0-9a-z]+\.psmdcp|\1nuget.psmdcp|; s|(manifest" Target="[^"]*" Id=")[^"]*|\1Rmanifest|; s|(metadata/core-properties" Target="[^"]*" Id=")[^"]*|\1Rcore|' "$work/_rels/.rels"
  find "$work" -exec touch -h -d '2020-01-01T00:00:00Z' {} +
  rm "$package"
  (cd "$work" && find . -type f | sed 's|^\./||' | LC_ALL=C sort | TZ=UTC zip -q -X -9 -@ "$package")
  rm -rf "$work"
}

# make TREE OUTPUT FOLDER [PROPERTY...]: packs the libraries of a source tree, building in a folder of their own.
make() {
  local tree=$1 output=$2 folder=$3 package
  shift 3
  rm -rf "$output"
  mkdir -p "$output"
  quietly "artifacts/log/pack.log" dotnet pack "$tree/eng/Packages.slnf" --configuration Release --output "$output" \
    -p:Packing=true -p:ContinuousIntegrationBuild=true "-p:ArtifactsPath=$folder" "$@"
  for package in "$output"/*.nupkg "$output"/*.snupkg; do
    normalize "$package"
  done
}

mkdir -p artifacts/log
against=()
if [ "$baseline" != none ]; then
  revision=$(git rev-parse --verify --quiet "$baseline^{commit}") || { echo "pack.sh: baseline '$baseline' is no commit of this repository" >&2; exit 1; }
  old=$PWD/artifacts/baseline/$revision
  if [ ! -e "$old/done" ]; then
    tree=$(mktemp -d)
    git archive "$revision" | tar -x -C "$tree"
    make "$tree" "$old" "$tree/artifacts"
    rm -rf "$tree"
    touch "$old/done"
  fi
  version=$(basename "$old"/VhostNet.LibC.*.nupkg .nupkg)
  against=("-p:PackageBaseline=$old" "-p:PackageBaselineVersion=${version#VhostNet.LibC.}")
fi

make . "$PWD/artifacts/packages" "$PWD/artifacts/pack" "${against[@]}"
if [ -n "$verify" ]; then
  tree=$(mktemp -d)
  trap 'rm -rf "$tree"' EXIT
  git ls-files -z --cached --others --exclude-standard | tar -c --null --files-from=- | tar -x -C "$tree"
  make "$tree" "$PWD/artifacts/packages-again" "$tree/artifacts/pack"
  for package in artifacts/packages/*nupkg; do
    cmp "$package" "artifacts/packages-again/$(basename "$package")"
  done
  echo "built twice, in two folders: the same bytes"
fi

# What was restored from an older package of the same version would be used on and on.
rm -rf artifacts/samples-packages/vhostnet.*
for package in artifacts/packages/*.nupkg; do
  echo "$package: $(stat -c %s "$package" | numfmt --to=si)"
done
[ "$baseline" = none ] && echo "no baseline: nothing was released yet (eng/baseline.txt)" || echo "compatible with $baseline"
