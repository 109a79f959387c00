#!/bin/bash
# Checks every model with Spin: good variants must pass, each planted fault must be found, and found as the expected kind.
#
#   models/run.sh                everything
#   models/run.sh notify.pml     one model (any number of names)
#   models/run.sh --reduced      claims with partial-order reduction on (the cross check; without it is the default)
#   models/run.sh --markdown     the lines as rows of README.md's table of results
#
# One line per run: expected, got, states stored, model, flags, claim. The last line is "N passed, M failed".
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/vhostnet-models.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM

reduction=-DNOREDUCE
row='%-6s %-6s %8s  %s  %s  %s\n'
only=()
for argument in "$@"; do
    case $argument in
        --reduced) reduction= ;;
        --markdown) row='| %s | %s | %s | %s | %s | %s |\n' ;;
        *.pml) only+=("$argument") ;;
        *) echo "models/run.sh: unknown argument '$argument'; expected a model's name, --reduced or --markdown" >&2; exit 2 ;;
    esac
done

for tool in spin gcc; do
    command -v "$tool" > /dev/null || { echo "models/run.sh: $tool is not installed (Debian packages: spin, gcc)" >&2; exit 2; }
done

passed=0
failed=0

# Compiles the verifier of one model with the given flags, unless the last call made that very one.
# A run without a claim checks assertions and deadlocks; a claim needs the other engine.
built=
build() {
    local model=$1 flags=$2 engine=$3
    [ "$built" = "$model $flags $engine" ] && return 0
    built=
    rm -rf "$scratch/pan" && mkdir "$scratch/pan" || return 1
    # The flags are words on purpose.
    # shellcheck disable=SC2086
    (cd "$scratch/pan" && spin -a $flags "$here/$model" > spin.out 2>&1) || return 1
    grep -qE '^spin: .*(Error|error)' "$scratch/pan/spin.out" && return 1
    # shellcheck disable=SC2086
    (cd "$scratch/pan" && gcc -O0 -w -pipe -DNFAIR=3 $engine -o pan pan.c > gcc.out 2>&1) || return 1
    built="$model $flags $engine"
}

# What one verification came to, in the variable verdict: pass, cycle, assert, stuck, or error when pan's output is not
# exactly what it should be. (No processes are started here, there are many runs.)
judge() {
    local out=$1 claim=$2
    verdict=error
    [[ $out =~ truncated|max\ search\ depth\ too\ small|too\ many\ processes|out\ of\ memory|reached\ -DMEMLIM ]] && return
    if [ -n "$claim" ]; then
        [[ $out =~ never\ claim[[:space:]]+\+\ \($claim\) ]] || return
        [[ $out =~ acceptance\ +cycles[[:space:]]+\+\ \(fairness\ enabled\) ]] || return
    else
        [[ $out =~ invalid\ end\ states[[:space:]]+\+ ]] || return
    fi
    [[ $out =~ assertion\ violations[[:space:]]+\+ ]] || return
    [[ $out =~ State-vector\ [0-9]+\ byte,\ depth\ reached\ [0-9]+,\ errors:\ ([0-9]+)$'\n' ]] || return
    case ${BASH_REMATCH[1]} in
        0) [[ $out =~ Search\ not\ completed|pan:1: ]] || verdict=pass ;;
        1)
            case $out in
                *'pan:1: acceptance cycle'*) verdict=cycle ;;
                *'pan:1: assertion violated'*) verdict=assert ;;
                *'pan:1: invalid end state'*) verdict=stuck ;;
            esac ;;
    esac
}

# check MODEL FLAGS CLAIM EXPECTED: CLAIM is the name of an ltl block, or - for assertions and deadlocks alone.
check() {
    local model=$1 flags=$2 claim=$3 expected=$4
    if [ ${#only[@]} -gt 0 ] && [[ " ${only[*]} " != *" $model "* ]]; then
        return
    fi
    local got=error states=- output=
    if [ "$claim" = - ]; then
        claim=
        build "$model" "$flags" '-DSAFETY -DNOCLAIM' && output=$(cd "$scratch/pan" && ./pan -m1000000 -w18 2>&1)
    else
        build "$model" "$flags" "$reduction" && output=$(cd "$scratch/pan" && ./pan -a -f -m1000000 -w18 -N "$claim" 2>&1)
    fi
    if [ -n "$built" ]; then
        judge "$output" "$claim"
        got=$verdict
        [[ $output =~ \ ([0-9]+)\ states,\ stored ]] && states=${BASH_REMATCH[1]}
    fi
    if [ "$got" = "$expected" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: expected $expected, got $got: $model $flags $claim" >&2
        if [ "$got" = error ]; then
            { cat "$scratch"/pan/spin.out "$scratch"/pan/gcc.out 2> /dev/null; echo "$output"; } | head -30 >&2
        fi
    fi
    # shellcheck disable=SC2059
    printf "$row" "$expected" "$got" "$states" "$model" "${flags:--}" "${claim:-assertions, deadlocks}"
}

# Both claims of a notify model.
wakeups() { check "$1" "$2" no_lost_wakeup "$3"; check "$1" "$2" no_busy_loop "$4"; }

. "$here/runs.sh"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
