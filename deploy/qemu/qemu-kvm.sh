#!/bin/sh
# A guest with KVM whose network card is served by vhostnetd. Start the daemon first, for example: vhostnetd --socket-path /run/vhostnet/vm0.sock
# Usage: qemu-kvm.sh DISK [SOCKET]
set -eu
disk=$1 socket=${2:-/run/vhostnet/vm0.sock}

# Guest memory must be a file that can be shared: memory-backend-memfd with share=on. For hugepages add hugetlb=on,hugetlbsize=2M to the memory object.
# reconnect-ms=100: the card comes back by itself when the daemon was restarted. QEMU up to 9.1 knows reconnect=1 (seconds) instead, and 10.2 no longer does. queues= must not be more than the daemon's --queue-pairs.
exec qemu-system-x86_64 -accel kvm -cpu host -smp 2 -m 2G \
  -object memory-backend-memfd,id=mem,size=2G,share=on -machine q35,memory-backend=mem \
  -drive "file=$disk,if=virtio" \
  -chardev "socket,id=net0,path=$socket,reconnect-ms=100" \
  -netdev vhost-user,id=net0,chardev=net0,queues=1 \
  -device virtio-net-pci,netdev=net0,rx_queue_size=1024,tx_queue_size=1024 \
  -nographic
