#!/usr/bin/env bash
# Becomes process 1 of namespaces that `unshare --fork --pid --mount --ipc --uts --mount-proc` made: a systemd with directories of its own, in which the units
# under deploy/ are installed. Usage: machine.sh DAEMON DEPLOY_DIRECTORY
set -euo pipefail
daemon=$1 deploy=$2
mount --make-rprivate /

# The daemon may lie under /tmp, which is covered below: it and the units are copied first, to a place that no source tree is in.
room=/run/machine
mount -t tmpfs -o mode=755 tmpfs /run
mkdir "$room"
install -m 755 "$daemon" "$room/vhostnetd"
cp -r "$deploy" "$room/deploy"

# What is written in /etc (users, units, options) stays in here; without a /tmp of its own systemd would empty the machine's.
mkdir "$room/upper" "$room/work"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$room/upper,workdir=$room/work" /etc
for directory in /tmp /var/tmp /var/log /var/lib /etc/systemd/system; do
  mount -t tmpfs -o mode=755 tmpfs "$directory"
done
chmod 1777 /tmp /var/tmp

systemd-sysusers "$room/deploy/sysusers.d/vhostnet.conf"
systemd-tmpfiles --create "$room/deploy/tmpfiles.d/vhostnet.conf"
mkdir -p /etc/vhostnet
cp "$room"/deploy/systemd/*.service "$room"/deploy/systemd/*.socket /etc/systemd/system/
sed -i "s#/usr/bin/vhostnetd#$room/vhostnetd#" /etc/systemd/system/*.service
printf '[Unit]\nDescription=test machine\nDefaultDependencies=no\n' >/etc/systemd/system/machine.target
exec /lib/systemd/systemd --system --unit=machine.target --log-target=null --show-status=no
