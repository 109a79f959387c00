#!/usr/bin/env bash
# Makes the test guest: Debian's cloud kernel, taken from its package without installing it, and a busybox initramfs around
# tests/EndToEnd/guest. Writes DIR/vmlinuz and DIR/initrd (DIR is artifacts/guest unless given) and prints DIR.
# Does nothing when both are newer than what they are made from. Usage: eng/guest-image.sh [DIR]
set -euo pipefail
top=$(cd "$(dirname "$0")/.." && pwd)
dir=${1:-$top/artifacts/guest}
guest=$top/tests/EndToEnd/guest
mkdir -p "$dir"
exec 9>"$dir/.lock"
flock 9

stamp=$(cat "$0" "$guest"/* | sha256sum)
if [ -s "$dir/vmlinuz" ] && [ -s "$dir/initrd" ] && [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "$dir"
  exit 0
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The kernel package stays unpacked in DIR/kernel, so that a change of the guest's own files costs no download.
if [ -z "$(find "$dir/kernel/boot" -name 'vmlinuz-*' 2>/dev/null)" ]; then
  arch=$(dpkg --print-architecture)
  fetch() {
    local package
    package=$(apt-cache depends "linux-image-cloud-$arch" 2>/dev/null | awk '/Depends: linux-image-/ { print $2; exit }')
    [ -n "$package" ] && (cd "$work" && apt-get download -q "$package" >apt.log 2>&1)
  }
  if ! fetch; then
    apt-get update -q >/dev/null 2>&1 || true
    fetch || { tail -n 5 "$work/apt.log" >&2; echo "guest-image.sh: no package linux-image-cloud-$arch could be downloaded" >&2; exit 1; }
  fi
  rm -rf "$dir/kernel"
  dpkg -x "$work"/linux-image-*.deb "$dir/kernel"
fi
cp "$(find "$dir/kernel/boot" -name 'vmlinuz-*' | head -n 1)" "$dir/vmlinuz"

root=$work/root
mkdir -p "$root"/{bin,sbin,usr/bin,usr/sbin,dev,proc,sys,tmp,run,root,etc,modules,etc/udhcpc}
cp "$(command -v busybox)" "$root/bin/busybox"
for applet in $(busybox --list); do
  [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
done

# The modules in the order in which they depend on each other, as depmod finds it; 8021q and what it needs come along but are not loaded.
version=$(basename "$(find "$dir/kernel/lib/modules" -mindepth 1 -maxdepth 1 -type d | head -n 1)")
depmod -b "$dir/kernel" "$version"
modules_of() {
  modprobe --dirname "$dir/kernel" --set-version "$version" --show-depends "$@" | awk '$1 == "insmod" { print $2 }'
}
for module in virtio_pci virtio_net; do
  modules_of "$module"
done | awk '!seen[$0]++' >"$work/load"
for module in 8021q; do
  modules_of "$module"
done >"$work/bring"
sort -u "$work/load" "$work/bring" | while read -r file; do
  cp "$file" "$root/modules/"
done
xargs -n 1 basename <"$work/load" >"$root/modules/order"
xargs -n 1 basename <"$work/bring" >"$root/modules/vlan"

# Programs of the host that busybox has no like of, with the libraries they are linked to.
for program in ethtool; do
  path=$(command -v "$program")
  cp "$path" "$root/bin/$program"
  ldd "$path" | grep -o '/[^ ]*' | while read -r library; do
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
done
for source in "$guest"/*.c; do
  [ -e "$source" ] || continue
  gcc -O2 -static -Wall -Wextra -Werror -o "$root/bin/$(basename "$source" .c)" "$source"
done
cp "$guest/init" "$root/init"
cp "$guest/udhcpc.script" "$root/etc/udhcpc/default.script"

(cd "$root" && find . -print0 | cpio --null --create --format=newc --quiet --owner=0:0 | gzip -1) >"$dir/initrd.new"
# A rename: a guest that reboots just now reads the old file to its end.
mv "$dir/initrd.new" "$dir/initrd"
echo "$stamp" >"$dir/stamp"
echo "$dir"
