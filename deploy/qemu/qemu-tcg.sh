#!/bin/sh
# A guest without KVM (emulated CPU). Start the daemon first, for example: vhostnetd --socket-path /run/vhostnet/vm0.sock --uplink responder
# Usage: qemu-tcg.sh KERNEL INITRD [SOCKET]
set -eu
kernel=$1 initrd=$2 socket=${3:-/run/vhostnet/vm0.sock}

# QEMU up to 9.1 knows reconnect=1 (seconds), from 9.2 on reconnect-ms=100; 10.2 no longer knows the old one.
case $(qemu-system-x86_64 --version | head -n 1) in
  *' version '[1-8].* | *' version 9.'[01].*) reconnect=reconnect=1 ;;
  *) reconnect=reconnect-ms=100 ;;
esac

# vectors=0: Debian's QEMU 7.2 crashes when it sets up interrupt vectors for a vhost-user card under TCG; without vectors the card uses INTx.
exec qemu-system-x86_64 -accel tcg -m 256M -nodefaults \
  -object memory-backend-memfd,id=mem,size=256M,share=on -machine memory-backend=mem \
  -kernel "$kernel" -initrd "$initrd" -append console=ttyS0 \
  -chardev "socket,id=net0,path=$socket,$reconnect" \
  -netdev vhost-user,id=net0,chardev=net0 \
  -device virtio-net-pci,netdev=net0,vectors=0,romfile= \
  -nographic -serial mon:stdio
