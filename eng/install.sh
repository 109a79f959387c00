#!/usr/bin/env bash
# Installs the Debian packages that the build, the tests and the demo need, and only those that are missing.
# Quiet when nothing is to be done. Usage: eng/install.sh [--list]
set -euo pipefail

required=(
  # Peers: the guest's machine, a DPDK front end and back end, a switch, a service manager.
  qemu-system-x86 qemu-system-misc dpdk-dev openvswitch-switch-dpdk systemd dbus
  # The guest's initramfs and its tools; a compiler for the big-endian guest's.
  busybox-static cpio kmod gcc-s390x-linux-gnu libc6-dev-s390x-cross
  # Namespaces, taps, offload switches, frames on the wire.
  iproute2 ethtool tcpdump tshark socat procps util-linux
  # The calls that loop threads make.
  strace
  # The package: man pages made of markdown, its checks.
  lowdown man-db lintian dpkg-dev apparmor
  # Rules are checked, and metrics scraped, by the real one.
  prometheus
  # The page is looked at.
  chromium fonts-dejavu-core
  # A terminal without anybody before it.
  tmux curl
  # Another reader of JSON schemas than ours.
  python3-jsonschema
  # Libraries that vhostnetd loads at run time.
  libslirp0 libglib2.0-0
  # The linker of native code, for this machine and for arm64, and a processor for what it made: arm64, or an x86-64 without AVX.
  clang lld qemu-user-static
  # The ABI tests' C compilers and the models' checker.
  gcc libc6-dev gcc-aarch64-linux-gnu libc6-dev-arm64-cross spin
)
optional=(iperf3)

if [ "${1:-}" = --list ]; then
  printf '%s\n' "${required[@]}" "${optional[@]}"
  exit 0
fi

missing() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || printf '%s ' "$package"
  done
}

if ! command -v dotnet >/dev/null; then
  echo "install.sh: the .NET 10 SDK is missing: 'dotnet' must be on PATH (see global.json for the version)" >&2
  exit 1
fi

read -ra need <<<"$(missing "${required[@]}")"
read -ra wish <<<"$(missing "${optional[@]}")"
[ $((${#need[@]} + ${#wish[@]})) -gt 0 ] || exit 0

root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! sudo -n true 2>/dev/null; then
    echo "install.sh: not root and no password-less sudo; install these first: ${need[*]}" >&2
    exit 1
  fi
  root=(sudo -n)
fi

# No package may start a service here: Open vSwitch, dbus and the like are started by the tests themselves, privately.
guard=/usr/sbin/policy-rc.d
if [ ! -e "$guard" ]; then
  printf '#!/bin/sh\nexit 101\n' | "${root[@]}" tee "$guard" >/dev/null
  "${root[@]}" chmod 755 "$guard"
  trap '"${root[@]}" rm -f "$guard"' EXIT
fi

log=$(mktemp)
install() {
  "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends \
    -o DPkg::Lock::Timeout=300 "$@" >"$log" 2>&1
}
refreshed=
install_or_refresh() {
  install "$@" && return
  if [ -z "$refreshed" ]; then
    refreshed=yes
    "${root[@]}" apt-get update -q >/dev/null 2>&1 || true
    install "$@" && return
  fi
  return 1
}

if [ ${#need[@]} -gt 0 ]; then
  echo "install.sh: installing ${need[*]}"
  if ! install_or_refresh "${need[@]}"; then
    tail -n 20 "$log" >&2
    echo "install.sh: apt-get could not install: ${need[*]}" >&2
    exit 1
  fi
fi
if [ ${#wish[@]} -gt 0 ] && ! install_or_refresh "${wish[@]}"; then
  echo "install.sh: going on without: ${wish[*]}" >&2
fi
rm -f "$log"
