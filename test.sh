#!/usr/bin/env bash
# Runs everything: installs what is missing, builds with warnings as errors, checks the format, runs every test project, the
# models and a fuzz smoke. The last line is "N passed, N failed" (with ", N skipped" when some were), and the exit status is 0
# only if nothing failed. Logs and results stay in artifacts/test.
#
# Usage: ./test.sh [--fast|--all] [NAME...]
#   --all    also what is slow: each attack for a minute instead of five seconds, and all fuzz targets for twenty minutes
#   --fast   everything but the end to end tests, the attacks and the short run of the bench
#   NAME     only steps whose name contains it, e.g. ./test.sh Aio models
set -uo pipefail
cd "$(dirname "$0")"
. eng/dotnet.sh

fast= all= attack_seconds=5 attacks_limit=900
names=()
for argument in "$@"; do
  case "$argument" in
    --fast) fast=yes ;;
    --all) all=yes attack_seconds=60 attacks_limit=3600 ;;
    -*) echo "test.sh: unknown option '$argument'; known: --fast, --all, and names of steps" >&2; exit 2 ;;
    *) names+=("$argument") ;;
  esac
done

results=artifacts/test
rm -rf "$results"
mkdir -p "$results" artifacts/log
passed=0 failed=0 skipped=0
rows=()

wanted() {
  local name
  [ ${#names[@]} -gt 0 ] || return 0
  for name in "${names[@]}"; do
    case "$1" in *"$name"*) return 0 ;; esac
  done
  return 1
}

# row NAME PASSED FAILED SKIPPED SECONDS [NOTE]: adds to the totals and to the table.
row() {
  passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
  rows+=("$(printf '%-28s %7d %7d %8d %7d s%s' "$1" "$2" "$3" "$4" "$5" "${6:+  $6}")")
  printf '%s: %s passed, %s failed, %s skipped (%s s)\n' "$1" "$2" "$3" "$4" "$5"
}

finish() {
  printf '\n%-28s %7s %7s %8s %9s\n' step passed failed skipped time
  [ ${#rows[@]} -eq 0 ] || printf '%s\n' "${rows[@]}"
  printf '\n%d passed, %d failed' "$passed" "$failed"
  [ "$skipped" -eq 0 ] || printf ', %d skipped' "$skipped"
  echo
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# step NAME COMMAND...: a step that counts as one test.
step() {
  wanted "$1" || return 0
  needed "$@"
}

# needed NAME COMMAND...: the same for what another step needs, wanted by its own name or not.
needed() {
  local name=$1 start=$SECONDS
  shift
  if "$@"; then row "$name" 1 0 0 $((SECONDS - start)); else row "$name" 0 1 0 $((SECONDS - start)); fi
}

# counted NAME LIMIT COMMAND...: a step whose last line "N passed, N failed" says how many tests it was.
counted() {
  local name=$1 limit=$2 start=$SECONDS log=$results/$1.log status counts
  shift 2
  wanted "$name" || return 0
  timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1
  status=$?
  counts=$(tail -n 1 "$log" | sed -nE 's/^([0-9]+) passed, ([0-9]+) failed(, ([0-9]+) skipped)?$/\1 \2 \4/p')
  read -r ok bad skip <<<"${counts:-0 0 0}"
  if [ -z "$counts" ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
    bad=$((bad + 1))
  fi
  [ "$bad" -eq 0 ] || tail -n 40 "$log"
  row "$name" "$ok" "$bad" "${skip:-0}" $((SECONDS - start)) "$(cases "$log")"
}

# The number of fuzz cases that a log tells of, as "N cases"; nothing when it tells of none.
cases() {
  sed -nE 's/^[a-z-]+: ([0-9]+) cases .*/\1/p' "$1" | awk '{ n += $1 } END { if (n) print n " cases" }'
}

# The attribute $2 of the only <assembly> element of an xunit result file.
attribute() {
  sed -nE "s/.*<assembly [^>]*\b$2=\"([0-9]+)\".*/\1/p" "$1" | head -n 1
}

# suite NAME LIMIT [STEP]: one test project, as the executable that it is, wanted by its own name or a step's. No readable results, or a crash after them, is a failure.
suite() {
  local name=$1 limit=$2 start=$SECONDS log=$results/$1.log xml=$results/$1.xml status total ok bad skip
  wanted "${3:-$name}" || return 0
  timeout --kill-after=20 "$limit" "artifacts/bin/$name/debug/$name" -noLogo -noColor -xml "$xml" >"$log" 2>&1
  status=$?
  total=$(attribute "$xml" total 2>/dev/null)
  ok=$(attribute "$xml" passed 2>/dev/null)
  bad=$(($(attribute "$xml" failed 2>/dev/null || true) + $(attribute "$xml" errors 2>/dev/null || true) + 0))
  skip=$(($(attribute "$xml" skipped 2>/dev/null || true) + 0))
  if [ "${total:-0}" -eq 0 ] || { [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; }; then
    echo "$name: exit status $status and ${total:-no} results"
    bad=$((bad + 1))
  fi
  [ "$bad" -eq 0 ] || grep -E -m 20 -A 12 '\[(FAIL|ERROR)\]' "$log" || tail -n 20 "$log"
  row "$name" "${ok:-0}" "$bad" "$skip" $((SECONDS - start))
}

trap 'trap - INT TERM; kill -- $(jobs -p) 2>/dev/null; exit 130' INT TERM

eng/install.sh || { row install 0 1 0 $SECONDS; finish; }

build() {
  quietly artifacts/log/build.log dotnet build VhostNet.sln --configuration Debug
}
start=$SECONDS
if ! build; then
  row build 0 1 0 $((SECONDS - start))
  finish
fi
row build 1 0 0 $((SECONDS - start))

format() {
  quietly artifacts/log/format.log dotnet format VhostNet.sln --verify-no-changes --no-restore
}
step format format

projects=()
for project in tests/*/*.csproj; do
  grep -q '<IsTestProject>false' "$project" || projects+=("$(basename "$project" .csproj)")
done
for name in "${projects[@]}"; do
  case "$name" in VhostNet.EndToEnd | VhostNet.Samples) ;; *) suite "$name" 600 ;; esac
done

# Fuzzing runs code as it is shipped: what a race or a bound does there is what counts, and it tries more cases. Assertions are the suites' above.
fuzz=artifacts/bin/VhostNet.Fuzz/release/VhostNet.Fuzz
fuzz_build() {
  quietly artifacts/log/fuzz-build.log dotnet build tests/Fuzz --configuration Release
}
if wanted fuzz-build || wanted fuzz-smoke || { [ -z "$fast" ] && wanted attacks; }; then
  needed fuzz-build fuzz_build
fi
counted fuzz-smoke 240 "$fuzz" smoke
# Attacks and end to end tests are on what is shipped: times and rates of a debug build say little.
if [ -z "$fast" ] && { wanted attacks || wanted VhostNet.EndToEnd || wanted publish; }; then
  needed publish ./build.sh
fi
[ -n "$fast" ] || counted attacks "$attacks_limit" "$fuzz" attack --all --seconds "$attack_seconds" --daemon out/vhostnetd
[ -z "$all" ] || counted fuzz-long 1500 "$fuzz" run --all --seed 1000000 --seconds 1200

[ ! -x models/run.sh ] || counted models 600 models/run.sh

# The comparison with DPDK, only to see that it runs; it publishes the daemon first if that is missing or older than the source.
smoke() {
  timeout --kill-after=10 120 artifacts/bin/VhostNet.Throughput/debug/VhostNet.Throughput --smoke --json "$results/throughput.json" >"$results/bench-smoke.log" 2>&1 ||
    { tail -n 40 "$results/bench-smoke.log"; return 1; }
}

if [ -z "$fast" ] && [ -e tests/EndToEnd/VhostNet.EndToEnd.csproj ] && wanted VhostNet.EndToEnd; then
  step guest-image eng/guest-image.sh
  needed publish-arm64 ./build.sh --rid linux-arm64
  suite VhostNet.EndToEnd 1200
fi
# The libraries as a stranger meets them: packed, restored from a folder, in programs of their own, with guests.
if [ -z "$fast" ] && wanted samples; then
  needed guest-image eng/guest-image.sh
  needed packages eng/samples.sh
  suite VhostNet.Samples 300 samples
fi
[ -n "$fast" ] || step bench-smoke smoke
finish
