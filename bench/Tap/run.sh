#!/usr/bin/env bash
# Measures whether io_uring would write frames to a tap faster than one writev each. Needs gcc and root. Usage: bench/Tap/run.sh [FRAME_SIZE...]
set -euo pipefail
cd "$(dirname "$0")"
program=$(mktemp)
trap 'rm -f "$program"' EXIT
gcc -O2 -Wall -o "$program" tap-writes.c
for size in "${@:-64 1514}"; do
  for one in $size; do
    for napi in 0 1; do
      echo "frame of $one bytes, IFF_NAPI $napi: nanoseconds a frame"
      unshare --net "$program" "$one" "$napi"
    done
  done
done
