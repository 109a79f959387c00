#!/usr/bin/env bash
# Shows it at work: builds vhostnetd, starts it, boots a Linux guest in QEMU on its vhost-user socket, and lets the guest get an address and
# ping, once with the responder as the guest's network and once with the default, user-mode NAT. Ends everything that it started.
# Usage: ./demo.sh
set -euo pipefail
cd "$(dirname "$0")"

limit=15 # seconds from the guest's start to its first ping
pids=()
dir=$(mktemp -d)
cleanup() {
  local pid
  for pid in "${pids[@]}"; do
    kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

now() { printf '%s' "${EPOCHREALTIME/[.,]/}"; }                     # microseconds
since() { printf '%d.%02d' $((($(now) - $1) / 1000000)) $((($(now) - $1) / 10000 % 100)); } # seconds
fail() {
  echo "demo.sh: $1" >&2
  for file in "$dir"/*.log; do
    [ ! -s "$file" ] || { echo "--- $(basename "$file")"; tail -n 15 "$file"; } >&2
  done
  exit 1
}

# guest COMMAND: runs it in the guest through the agent on its serial port, prints what it prints, returns its exit status.
commands=0
guest() {
  local line status
  commands=$((commands + 1))
  echo "guest# $1"
  echo "$commands $1" >&3
  while IFS= read -r -t 60 -u 4 line; do
    line=${line%$'\r'}
    case "$line" in
      "@begin $commands") ;;
      "@end $commands "*)
        status=${line##* }
        return "$status"
        ;;
      ?*) echo "    $line" ;;
    esac
  done
  fail "the guest did not answer"
}

show() {
  local uplink=$1 address=$2 started line socket=$dir/$1.sock log=$dir/$1.log
  echo
  echo "== uplink $uplink"
  echo "\$ out/vhostnetd --socket-path $socket --uplink $uplink"
  started=$(now)
  out/vhostnetd --socket-path "$socket" --uplink "$uplink" >"$log" 2>&1 &
  local daemon=$!
  pids+=("$daemon")
  until grep -q 'is ready' "$log"; do
    kill -0 "$daemon" 2>/dev/null || fail "vhostnetd ended"
    [ "$(($(now) - started))" -lt 20000000 ] || fail "vhostnetd is not ready after 20 s"
    read -r -t 0.01 <> <(:) || true
  done
  echo "    ready after $(since "$started") s"

  mkfifo "$dir/$uplink.in" "$dir/$uplink.out"
  exec 3<>"$dir/$uplink.in" 4<>"$dir/$uplink.out"
  started=$(now)
  qemu-system-x86_64 -accel tcg -m 256M -nodefaults -no-user-config -no-reboot -display none \
    -kernel "$image/vmlinuz" -initrd "$image/initrd" -append 'console=ttyS0 panic=-1 quiet' \
    -object memory-backend-memfd,id=mem,size=256M,share=on -numa node,memdev=mem \
    -chardev "socket,id=net0,path=$socket" -netdev vhost-user,id=net0,chardev=net0 \
    -device virtio-net-pci,netdev=net0,vectors=0,romfile= \
    -serial "file:$dir/$uplink-console.log" -chardev "pipe,id=agent,path=$dir/$uplink" -serial chardev:agent >"$dir/qemu-$uplink.log" 2>&1 &
  local qemu=$!
  pids+=("$qemu")
  while :; do
    IFS= read -r -t 60 -u 4 line || fail "the guest did not boot"
    case "$line" in *@ready*) break ;; esac
  done
  echo "    guest booted after $(since "$started") s"
  guest 'ip link set eth0 up; udhcpc -i eth0 -n -q -f' || fail "the guest got no address"
  guest "ping -c 1 $address" || fail "no answer to the first ping"
  local first
  first=$(since "$started")
  guest "ping -c 3 $address" || fail "no answer to the pings"
  echo "    first ping $first s after the guest's start (limit $limit s)"
  [ "${first%.*}" -lt "$limit" ] || fail "the first ping took longer than $limit s"

  kill -TERM "$qemu"
  wait "$qemu" || true
  grep -E 'features negotiated|connection ended' "$log" | sed 's/^/    /'
  kill -TERM "$daemon"
  wait "$daemon" || fail "vhostnetd ended with status $?"
  pids=()
  exec 3>&- 4<&-
  echo "    vhostnetd ended cleanly"
}

eng/install.sh
./build.sh
image=$(eng/guest-image.sh)
show responder 10.0.2.2
show user 10.0.2.2
echo
echo "demo: passed"
