#!/usr/bin/env bash
# Line and branch coverage of src/ by the unit suites, folder by folder: a map of what no test goes through, not a goal.
# Usage: eng/coverage.sh [NAME...]    NAME: only suites whose name contains it, e.g. VhostUser
# Results stay in artifacts/coverage: rooms.txt (a table), branches.txt (each line with a branch that is not taken), and coverlet's own files.
set -euo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh

results=$PWD/artifacts/coverage
rm -rf "$results"
mkdir -p "$results" artifacts/log
cat >"$results/coverlet.runsettings" <<'XML'
<RunSettings><DataCollectionRunSettings><DataCollectors><DataCollector friendlyName="XPlat Code Coverage"><Configuration>
  <Format>cobertura</Format><Include>[VhostNet.*]*,[vhostnetd]*</Include><Exclude>[*.Tests]*,[VhostNet.TestKit]*,[VhostNet.Abi]*</Exclude>
</Configuration></DataCollector></DataCollectors></DataCollectionRunSettings></RunSettings>
XML

# A build of its own: the collector writes into the programs that it measures.
for project in Aio VhostUser VirtioNet Daemon; do
  name=VhostNet.$project.Tests
  wanted=$([ $# -eq 0 ] && echo yes || true)
  for part in "$@"; do case "$name" in *"$part"*) wanted=yes ;; esac; done
  [ -n "$wanted" ] || continue
  echo "$name"
  quietly "artifacts/log/coverage-$project-build.log" dotnet build "tests/$project.Tests" -p:Coverage=true -p:RunAnalyzers=false -p:ArtifactsPath="$results/build"
  dotnet test "tests/$project.Tests" --no-build -p:Coverage=true -p:ArtifactsPath="$results/build" --collect "XPlat Code Coverage" \
    --settings "$results/coverlet.runsettings" --results-directory "$results/$project" >"artifacts/log/coverage-$project.log" 2>&1 ||
    echo "$name: some tests failed while they were measured (artifacts/log/coverage-$project.log)"
done

# What one suite goes through counts for all: of each line the most hits, and of its branches the most taken.
find "$results" -name 'coverage.cobertura.xml' -print0 | xargs -0 -r cat | awk -v root="$PWD/" -v branches="$results/branches.txt" '
  function value(name) { return match($0, name "=\"[^\"]*\"") ? substr($0, RSTART + length(name) + 2, RLENGTH - length(name) - 3) : "" }
  /<source>/ { source = $0; gsub(/.*<source>|<\/source>.*/, "", source) }
  /<class / { file = value("filename"); if (file !~ /^\//) file = source file; sub(/.*\/src\//, "src/", file) }
  /<line / && file ~ /^src\// && file !~ /\/obj\// && file !~ /\.g\.cs$/ {
    key = file SUBSEP value("number")
    if (!(key in hits) || value("hits") + 0 > hits[key]) hits[key] = value("hits") + 0
    if (match($0, /\([0-9]+\/[0-9]+\)/)) {
      split(substr($0, RSTART + 1, RLENGTH - 2), part, "/")
      if (part[1] + 0 > taken[key]) taken[key] = part[1] + 0
      ways[key] = part[2] + 0
    }
  }
  END {
    for (key in hits) {
      split(key, at, SUBSEP); room = at[1]; sub(/\/[^\/]*$/, "", room)
      lines[room]++; if (hits[key]) hit[room]++
      all[room] += ways[key]; went[room] += taken[key]
      if (ways[key] > taken[key]) printf "%s:%d: %d of %d ways\n", at[1], at[2], taken[key], ways[key] | ("sort -t: -k1,1 -k2,2n >" branches)
    }
    for (room in lines) printf "%-40s %7d %7.1f %% %7d %7.1f %%\n", room, lines[room], 100 * hit[room] / lines[room], all[room], all[room] ? 100 * went[room] / all[room] : 100 | "sort"
  }' | { printf '%-40s %7s %9s %7s %9s\n' room lines covered ways taken; cat; } | tee "$results/rooms.txt"
