#!/usr/bin/env bash
# Writes what the libraries show beyond their last release into PublicAPI.Unshipped.txt beside each project: to be looked at, and committed with the change that it comes from.
# Usage: eng/public-api.sh [--ship]
#   --ship   a release is made: what was unshipped is shipped from now on
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh

ship=
case "${1:-}" in
  '') ;;
  --ship) ship=yes ;;
  *) echo "public-api.sh: unknown option '$1'; known: --ship" >&2; exit 2 ;;
esac

log=artifacts/log/public-api.log
mkdir -p artifacts/log
for library in LibC Aio VhostUser VhostUser.Frontend VirtioNet; do
  folder=src/$library
  printf '#nullable enable\n' >"$folder/PublicAPI.Unshipped.txt"
  dotnet build "$folder" --no-incremental -p:TreatWarningsAsErrors=false -p:BuildProjectReferences=true >"$log" 2>&1 || { grep -m 20 error "$log" >&2; exit 1; }
  { grep -F "[$PWD/$folder/" "$log" || true; } | sed -nE "s/.*(warning|error) RS0016: Symbol '(.*)' is not part of the declared.*/\2/p" |
    LC_ALL=C sort -u >>"$folder/PublicAPI.Unshipped.txt"
  if [ -n "$ship" ]; then
    { printf '#nullable enable\n'; grep -hv '^#' "$folder/PublicAPI.Shipped.txt" "$folder/PublicAPI.Unshipped.txt" | LC_ALL=C sort -u; } >"$folder/PublicAPI.new"
    mv "$folder/PublicAPI.new" "$folder/PublicAPI.Shipped.txt"
    printf '#nullable enable\n' >"$folder/PublicAPI.Unshipped.txt"
  fi
  echo "$folder: $(grep -vc '^#' "$folder/PublicAPI.Unshipped.txt" || true) unshipped, $(grep -vc '^#' "$folder/PublicAPI.Shipped.txt" || true) shipped"
done
