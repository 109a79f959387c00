#!/usr/bin/env bash
# Packs the libraries (eng/pack.sh) and builds samples/ against the packages, as a stranger would.
# Usage: eng/samples.sh [--no-pack]
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh

case "${1:-}" in
  '') eng/pack.sh ;;
  --no-pack) ;;
  *) echo "samples.sh: unknown option '$1'; known: --no-pack" >&2; exit 2 ;;
esac
mkdir -p artifacts/log
for sample in samples/*/*.csproj; do
  quietly "artifacts/log/sample-$(basename "$sample" .csproj).log" dotnet build "$sample" --configuration Release --force
done
