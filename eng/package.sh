#!/usr/bin/env bash
# Makes out/vhostnetd_VERSION_ARCH.deb of what ./build.sh published: both programs, units, user, sockets' directory, discovery file, man pages, completions,
# AppArmor profile, schema, dashboards, examples. Usage: eng/package.sh [--arch amd64|arm64]...
# Needs dpkg-deb, lowdown and, for another machine's completions, nothing: they are the same everywhere. Without --arch the package is for this machine.
set -euo pipefail
cd "$(dirname "$0")/.."

native=$(dpkg --print-architecture)
architectures=()
while [ $# -gt 0 ]; do
  case "$1" in
    --arch) architectures+=("${2:?--arch amd64 or arm64}"); shift ;;
    *) echo "package.sh: unknown option '$1'; known: --arch amd64|arm64" >&2; exit 2 ;;
  esac
  shift
done
[ ${#architectures[@]} -gt 0 ] || architectures=("$native")

version=$(sed -nE 's#.*<Version>(.*)</Version>.*#\1#p' Directory.Build.props)
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
for tool in dpkg-deb lowdown; do
  command -v "$tool" >/dev/null || { echo "package.sh: $tool is missing; eng/install.sh installs what is needed" >&2; exit 1; }
done
[ -x out/vhostnetctl ] || { echo "package.sh: out/vhostnetctl is missing: run ./build.sh first" >&2; exit 1; }

# files FROM... TO: copies files that anybody may read.
files() {
  install -d -m 755 "${*: -1}"
  install -m 644 "$@"
}

# stage ARCH ROOT: the package's files.
stage() {
  local arch=$1 root=$2 suffix= doc=$2/usr/share/doc/vhostnetd program shell
  case "$arch" in
    amd64) [ "$native" = amd64 ] || suffix=-linux-x64 ;;
    arm64) [ "$native" = arm64 ] || suffix=-linux-arm64 ;;
    *) echo "package.sh: --arch '$arch': amd64 and arm64 are known" >&2; exit 2 ;;
  esac
  install -d -m 755 "$root/usr/bin"
  for program in vhostnetd vhostnetctl; do
    [ -x "out/$program$suffix" ] || { echo "package.sh: out/$program$suffix is missing: run ./build.sh${suffix:+ --rid ${suffix#-}} first" >&2; exit 1; }
    install -m 755 "out/$program$suffix" "$root/usr/bin/$program"
  done

  files deploy/systemd/*.service deploy/systemd/*.socket "$root/lib/systemd/system"
  files deploy/sysusers.d/*.conf "$root/usr/lib/sysusers.d"
  files deploy/tmpfiles.d/*.conf "$root/usr/lib/tmpfiles.d"
  files deploy/50-vhostnetd.json "$root/usr/share/qemu/vhost-user"
  files deploy/schema/vhostnetd.schema.json "$root/usr/share/vhostnet"
  files deploy/apparmor.d/usr.bin.vhostnetd "$root/etc/apparmor.d"

  install -d -m 755 "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d"
  out/vhostnetctl completion bash >"$root/usr/share/bash-completion/completions/vhostnetctl"
  out/vhostnetctl completion zsh >"$root/usr/share/zsh/vendor-completions/_vhostnetctl"
  out/vhostnetctl completion fish >"$root/usr/share/fish/vendor_completions.d/vhostnetctl.fish"

  local pages page
  pages=$(mktemp -d)
  eng/man.sh "$pages"
  for page in "$pages"/*; do
    install -d -m 755 "$root/usr/share/man/man${page##*.}"
    gzip -9n <"$page" >"$root/usr/share/man/man${page##*.}/$(basename "$page").gz"
  done
  rm -r "$pages"

  files deploy/debian/copyright README.md "$doc"
  files docs/*.md "$doc/docs"
  files deploy/examples/*.json deploy/libvirt/*.xml "$doc/examples"
  install -m 755 deploy/qemu/*.sh "$doc/examples"
  for program in deploy/systemd/*.d; do
    files "$program"/*.conf "$doc/examples/$(basename "$program")"
  done
  for shell in deploy/prometheus deploy/grafana; do
    [ ! -d "$shell" ] || files "$shell"/* "$doc/examples/$(basename "$shell")"
  done
  {
    printf 'vhostnetd (%s) stable; urgency=medium\n\n  * CHANGELOG.md of the source says what has changed.\n\n' "$version"
    printf ' -- The VhostNet authors <maintainers@vhostnet.invalid>  %s\n' "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
  } | gzip -9n >"$doc/changelog.gz"
  files CHANGELOG.md "$doc"
  gzip -9n "$doc/CHANGELOG.md"
}

# control ARCH ROOT: what dpkg wants to know.
control() {
  local arch=$1 root=$2
  install -d -m 755 "$root/DEBIAN"
  install -m 755 deploy/debian/postinst deploy/debian/prerm deploy/debian/postrm "$root/DEBIAN"
  echo /etc/apparmor.d/usr.bin.vhostnetd >"$root/DEBIAN/conffiles"
  cat >"$root/DEBIAN/control" <<CONTROL
Package: vhostnetd
Version: $version
Architecture: $arch
Maintainer: The VhostNet authors <maintainers@vhostnet.invalid>
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Depends: libc6 (>= 2.34), systemd | adduser
Recommends: libslirp0
Suggests: qemu-system-x86, wireshark, prometheus, apparmor
Section: net
Priority: optional
Description: network of virtual machines, a vhost-user back end
 vhostnetd gives virtual machines their network: QEMU, or any other vhost-user
 front end, connects to its socket and hands over guest memory and virtqueues,
 and frames move between guest memory and taps, other guests, a learning switch
 or NAT without privileges, with one copy and without a poll loop.
 .
 vhostnetctl shows and changes what the daemon does, captures frames as they
 pass, and starts a guest with a network by one command (vhostnetctl run).
CONTROL
  (cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
  chmod 644 "$root/DEBIAN/control" "$root/DEBIAN/conffiles" "$root/DEBIAN/md5sums"
}

mkdir -p out
for arch in "${architectures[@]}"; do
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  chmod 755 "$root"
  stage "$arch" "$root"
  control "$arch" "$root"
  find "$root" -newermt "@$SOURCE_DATE_EPOCH" -print0 | xargs -0 -r touch --no-dereference --date="@$SOURCE_DATE_EPOCH"
  package=out/vhostnetd_${version}_$arch.deb
  dpkg-deb --root-owner-group -Zxz --build "$root" "$package" >/dev/null
  rm -rf "$root"
  echo "$package: $(stat -c %s "$package" | numfmt --to=si), $(dpkg-deb -f "$package" Installed-Size | awk '{ printf "%.1f MB", $1 / 1024 }') installed"
done
