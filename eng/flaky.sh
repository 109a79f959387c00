#!/usr/bin/env bash
# Runs the unit suites N times while other programs keep every CPU busy, and names the tests that failed, with how often.
# Usage: eng/flaky.sh N [NAME...]     NAME: only suites whose name contains it, e.g. Aio
# The suites must be built (./build.sh, or dotnet build -c Debug). Results stay in artifacts/flaky. The exit status is 0 if nothing failed.
set -uo pipefail
cd "$(dirname "$0")/.."
. eng/dotnet.sh

rounds=${1:-}
case "$rounds" in '' | *[!0-9]* | 0) echo "flaky.sh: '$rounds' is no number of rounds; usage: eng/flaky.sh N [NAME...]" >&2; exit 2 ;; esac
shift

suites=()
for project in tests/*/*.csproj; do
  name=$(basename "$project" .csproj)
  case "$name" in VhostNet.EndToEnd | VhostNet.Style) continue ;; esac
  grep -q '<IsTestProject>false' "$project" && continue
  wanted=$([ $# -eq 0 ] && echo yes)
  for part in "$@"; do case "$name" in *"$part"*) wanted=yes ;; esac; done
  [ -n "$wanted" ] || continue
  program=artifacts/bin/$name/debug/$name
  [ -x "$program" ] || { echo "flaky.sh: $program is not there; build it first: dotnet build $project" >&2; exit 2; }
  suites+=("$name")
done
[ ${#suites[@]} -gt 0 ] || { echo "flaky.sh: no suite's name contains: $*" >&2; exit 2; }

results=artifacts/flaky
rm -rf "$results"
mkdir -p "$results"

# Two busy processes for each CPU: a test has it for a third of the time. They end with this script, whichever way that ends.
busy=()
trap '[ ${#busy[@]} -eq 0 ] || kill "${busy[@]}" 2>/dev/null' EXIT
trap 'exit 130' INT TERM
for ((i = 0; i < 2 * $(nproc); i++)); do
  (while :; do :; done) &
  busy+=($!)
done

bad=0
for ((round = 1; round <= rounds; round++)); do
  for name in "${suites[@]}"; do
    log=$results/$name.$round.log
    timeout --kill-after=20 1800 "artifacts/bin/$name/debug/$name" -noLogo -noColor >"$log" 2>&1
    status=$?
    grep -oE '^ *[A-Za-z0-9_.+]+(\(.*\))? \[FAIL\]' "$log" | sed 's/^ *//; s/ \[FAIL\]$//' >>"$results/failed.txt"
    if [ "$status" -ne 0 ]; then
      bad=1
      grep -q '\[FAIL\]' "$log" || echo "$name: exit status $status without a failed test (log: $log)" | tee -a "$results/failed.txt"
    fi
    printf 'round %d of %d: %s: %s\n' "$round" "$rounds" "$name" "$(grep -oE 'Total: .*' "$log" | tail -n 1)"
  done
done

if [ "$bad" -ne 0 ]; then
  echo "failed, how often of $rounds:"
  sort "$results/failed.txt" | uniq -c | sort -rn
  exit 1
fi
echo "nothing failed in $rounds rounds"
