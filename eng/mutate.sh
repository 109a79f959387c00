#!/usr/bin/env bash
# Mutation testing: plants faults in a copy of the sources, one at a time, and tells which of them no test sees.
# Usage: eng/mutate.sh [--project NAME]... [--since REF] [--seed N] [--count N] [--again] ...; a wrong option prints all of them.
# Results stay in artifacts/mutation: table.txt (the score of each folder), survivors.txt, all.txt.
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh
mkdir -p artifacts/log
quietly artifacts/log/mutation-build.log dotnet build -c Release tests/Mutation
exec artifacts/bin/VhostNet.Mutation/release/VhostNet.Mutation "$@"
