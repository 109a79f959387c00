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
    cp "$here/$model" "$scratch/pan/" || return 1
    # The flags are words on purpose.
    # shellcheck disable=SC2086
    (cd "$scratch/pan" && spin -a $flags "$model" > spin.out 2>&1) || return 1
    grep -qE '^spin: .*(Error|error)' "$scratch/pan/spin.out" && return 1
    # shellcheck disable=SC2086
    (cd "$scratch/pan" && gcc -O0 -w -DNFAIR=3 $engine -o pan pan.c > gcc.out 2>&1) || return 1
    built="$model $flags $engine"
}

# What one verification came to: pass, cycle, assert, stuck, or error when the output is not exactly what it should be.
verdict() {
    local out=$1 claim=$2
    if grep -qE 'truncated|max search depth too small|too many processes|out of memory|reached -DMEMLIM' "$out"; then
        echo error; return
    fi
    if [ -n "$claim" ]; then
        grep -qE "^[[:space:]]*never claim[[:space:]]+\+ \($claim\)" "$out" || { echo error; return; }
        grep -qE '^[[:space:]]*acceptance +cycles[[:space:]]+\+ \(fairness enabled\)' "$out" || { echo error; return; }
    else
        grep -qE '^[[:space:]]*invalid end states[[:space:]]+\+' "$out" || { echo error; return; }
    fi
    grep -qE '^[[:space:]]*assertion violations[[:space:]]+\+' "$out" || { echo error; return; }
    if grep -qE '^State-vector .*, errors: 0$' "$out"; then
        if grep -qE 'Search not completed|^pan:1:' "$out"; then echo error; else echo pass; fi
    elif grep -qE '^State-vector .*, errors: 1$' "$out"; then
        case $(grep -m1 '^pan:1:' "$out") in
            'pan:1: acceptance cycle'*) echo cycle ;;
            'pan:1: assertion violated'*) echo assert ;;
            'pan:1: invalid end state'*) echo stuck ;;
            *) echo error ;;
        esac
    else
        echo error
    fi
}

# check MODEL FLAGS CLAIM EXPECTED: CLAIM is the name of an ltl block, or - for assertions and deadlocks alone.
check() {
    local model=$1 flags=$2 claim=$3 expected=$4
    if [ ${#only[@]} -gt 0 ] && ! printf '%s\n' "${only[@]}" | grep -qxF "$model"; then
        return
    fi
    local got=error states=- out="$scratch/out"
    if [ "$claim" = - ]; then
        claim=
        build "$model" "$flags" '-DSAFETY -DNOCLAIM' && (cd "$scratch/pan" && ./pan -m1000000 -w18 > "$out" 2>&1)
    else
        build "$model" "$flags" "$reduction" && (cd "$scratch/pan" && ./pan -a -f -m1000000 -w18 -N "$claim" > "$out" 2>&1)
    fi
    if [ -n "$built" ]; then
        got=$(verdict "$out" "$claim")
        states=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' "$out" | head -1)
    fi
    if [ "$got" = "$expected" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED: expected $expected, got $got: $model $flags $claim" >&2
        if [ "$got" = error ]; then
            cat "$scratch"/pan/spin.out "$scratch"/pan/gcc.out "$out" 2> /dev/null | head -20 >&2
        fi
    fi
    # shellcheck disable=SC2059
    printf "$row" "$expected" "$got" "${states:--}" "$model" "${flags:--}" "${claim:-assertions, deadlocks}"
}

# Both claims of a notify model.
wakeups() { check "$1" "$2" no_lost_wakeup "$3"; check "$1" "$2" no_busy_loop "$4"; }

. "$here/runs.sh"

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
