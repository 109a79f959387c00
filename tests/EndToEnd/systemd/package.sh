#!/usr/bin/env bash
# Becomes process 1 of namespaces that `unshare --fork --pid --mount --ipc --uts --mount-proc` made: a systemd on a copy of this machine's file system that is
# thrown away, in which packages can be installed and purged. Usage: package.sh
set -euo pipefail
mount --make-rprivate /
room=$(mktemp -d)
mount -t tmpfs -o mode=755 tmpfs "$room"
mkdir "$room/run" "$room/root"

# Whatever is written to these stays in here.
for directory in /etc /usr /var /lib; do
  [ -d "$directory" ] && [ ! -L "$directory" ] || continue
  mkdir -p "$room/up$directory" "$room/work$directory"
  mount -t overlay overlay -o "lowerdir=$directory,upperdir=$room/up$directory,workdir=$room/work$directory" "$directory"
done
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=1777 tmpfs /tmp
rm -f /usr/sbin/policy-rc.d
rm -rf /etc/systemd/system/* && mkdir -p /etc/systemd/system
printf '[Unit]\nDescription=test machine\nDefaultDependencies=no\n' >/etc/systemd/system/machine.target
exec /lib/systemd/systemd --system --unit=machine.target --log-target=null --show-status=no
