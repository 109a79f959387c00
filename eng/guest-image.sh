#!/usr/bin/env bash
# Makes a test guest: Debian's kernel (the cloud one where there is one), taken from its package without installing it, and a busybox initramfs around
# tests/EndToEnd/guest. Writes DIR/vmlinuz and DIR/initrd (DIR is artifacts/guest, or artifacts/guest-ARCH, unless given) and prints DIR.
# Does nothing when both are newer than what they are made from.
# Usage: eng/guest-image.sh [--arch s390x] [DIR]
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
native=$(dpkg --print-architecture)
arch=$native
if [ "${1:-}" = --arch ]; then
  arch=${2:?--arch needs the name of an architecture}
  shift 2
fi
suffix=
[ "$arch" = "$native" ] || suffix=-$arch
dir=${1:-$top/artifacts/guest$suffix}
guest=$top/tests/EndToEnd/guest
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
exec 9>"$dir/.lock"
flock 9

stamp=$(cat "$0" "$guest"/* | sha256sum)
if [ -s "$dir/vmlinuz" ] && [ -s "$dir/initrd" ] && [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "$dir"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Another machine's packages come by an apt of its own, so that the system's dpkg stays as it is.
own_apt() {
  mkdir -p "$dir/apt/lists/partial" "$dir/apt/cache/archives/partial"
  : >"$dir/apt/status"
  cat >"$dir/apt/apt.conf" <<EOF
Dir::State::lists "$dir/apt/lists";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
EOF
  export APT_CONFIG=$dir/apt/apt.conf
}

# The packages stay unpacked in DIR/kernel, so that a change of the guest's own files costs no download.
if [ -z "$(find "$dir/kernel/boot" -name 'vmlinuz-*' 2>/dev/null)" ]; then
  if [ "$arch" = "$native" ]; then
    kernel=linux-image-cloud-$arch
    more=()
  else
    kernel=linux-image-$arch
    more=(busybox-static)
    own_apt
  fi
  fetch() {
    local package
    package=$(apt-cache depends "$kernel" 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
    [ -n "$package" ] && (cd "$work" && apt-get download -q "$package" "${more[@]}" >apt.log 2>&1)
  }
  if ! fetch; then
    apt-get update -q >/dev/null 2>&1 || true
    fetch || { tail -n 5 "$work/apt.log" >&2; echo "guest-image.sh: no package $kernel could be downloaded" >&2; exit 1; }
  fi
  rm -rf "$dir/kernel"
  for package in "$work"/*.deb; do
    dpkg -x "$package" "$dir/kernel"
  done
fi
cp "$(find "$dir/kernel/boot" -name 'vmlinuz-*' | head -n 1)" "$dir/vmlinuz"

root=$work/root
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,run,root,etc,modules,etc/udhcpc}
if [ "$arch" = "$native" ]; then
  cp "$(command -v busybox)" "$root/bin/busybox"
else
  cp "$dir/kernel/bin/busybox" "$root/bin/busybox"
fi
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done

# The modules in the order in which they depend on each other, as depmod finds it; 8021q and what it needs come along but are not loaded.
version=$(basename "$(find "$dir/kernel/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)")
depmod -b "$dir/kernel" "$version"
modules_of() {
  modprobe --dirname "$dir/kernel" --set-version "$version" --show-depends "$@" | awk '$1 == "insmod" { print $2 }'
}
case $arch in
  s390x) load=(virtio_console virtio_net) ;;
  *) load=(virtio_pci virtio_net) ;;
esac
for module in "${load[@]}"; do
  modules_of "$module"
done | awk '!seen[$0]++' >"$work/load"
for module in 8021q; do
  modules_of "$module"
done >"$work/bring"
# Drivers of the samples' devices, which a machine rarely has.
for module in virtio_blk virtio-rng; do
  modules_of "$module"
done | awk '!seen[$0]++' | grep -vxFf "$work/load" >"$work/devices"
sort -u "$work/load" "$work/bring" "$work/devices" | while read -r file; do
  cp "$file" "$root/modules/"
done
xargs -n 1 basename <"$work/load" >"$root/modules/order"
xargs -n 1 basename <"$work/bring" >"$root/modules/vlan"
xargs -n 1 basename <"$work/devices" >"$root/modules/devices"

# Programs of the host that busybox has no like of, with the libraries they are linked to. Another machine's guest goes without.
compiler=gcc
if [ "$arch" = "$native" ]; then
  for program in ethtool; do
    path=$(command -v "$program")
    cp "$path" "$root/bin/$program"
    ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -L "$library" "$root$library"
    done
  done
else
  compiler=$arch-linux-gnu-gcc
fi
for source in "$guest"/*.c; do
  [ -e "$source" ] || continue
  "$compiler" -O2 -static -Wall -Wextra -Werror -o "$root/bin/$(basename "$source" .c)" "$source"
done
cp "$guest/init" "$root/init"
cp "$guest/udhcpc.script" "$root/etc/udhcpc/default.script"

(cd "$root" && find . -print0 | cpio --null --create --format=newc --quiet --owner=0:0 | gzip -1) >"$dir/initrd.new"
# A rename: a guest that reboots just now reads the old file to its end.
mv "$dir/initrd.new" "$dir/initrd"
echo "$stamp" >"$dir/stamp"
echo "$dir"
