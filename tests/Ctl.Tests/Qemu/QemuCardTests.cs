using VhostNet.Ctl.Common;
using VhostNet.Ctl.Qemu;

namespace VhostNet.Ctl.Tests.Qemu;

/// <summary>What is added to QEMU's command line, by what is there already.</summary>
public sealed class QemuCardTests
{
    [Theory]
    [InlineData("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)", 7, 2)]
    [InlineData("QEMU emulator version 10.2.0\nCopyright", 10, 2)]
    public void TheVersionIsRead(string output, int major, int minor) => Assert.Equal(new QemuVersion(major, minor), QemuVersion.Parse(output));

    [Fact]
    public void AnotherProgramIsNoQemu() => Assert.Null(QemuVersion.Parse("cat (GNU coreutils) 9.1"));

    [Theory]
    [InlineData("-m 1G -accel kvm", 7, 2, 1, "-object memory-backend-memfd,id=vhostnet-mem,size=1G,share=on -machine memory-backend=vhostnet-mem "
        + "-chardev socket,id=vhostnet-socket,path=/s,reconnect=1 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket -device virtio-net-pci,netdev=vhostnet")]
    [InlineData("-m size=512,slots=2,maxmem=4G -enable-kvm", 9, 2, 4, "-object memory-backend-memfd,id=vhostnet-mem,size=512M,share=on -machine memory-backend=vhostnet-mem "
        + "-chardev socket,id=vhostnet-socket,path=/s,reconnect-ms=100 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket,queues=4 "
        + "-device virtio-net-pci,netdev=vhostnet,vectors=10,mq=on")]
    [InlineData("-machine q35,accel=kvm,memory-backend=m -object memory-backend-memfd,id=m,size=1G,share=on", 9, 1, 1,
        "-chardev socket,id=vhostnet-socket,path=/s,reconnect=1 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket -device virtio-net-pci,netdev=vhostnet")]
    [InlineData("--numa node,memdev=m --object memory-backend-file,id=m,mem-path=/dev/shm,size=1G,share=on -accel kvm -device virtio-net-pci,netdev=vhostnet,mac=52:54:00:00:00:01", 9, 1, 1,
        "-chardev socket,id=vhostnet-socket,path=/s,reconnect=1 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket")]
    [InlineData("", 7, 2, 1, "-object memory-backend-memfd,id=vhostnet-mem,size=128M,share=on -machine memory-backend=vhostnet-mem "
        + "-chardev socket,id=vhostnet-socket,path=/s,reconnect=1 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket -device virtio-net-pci,netdev=vhostnet,vectors=0")]
    [InlineData("-M microvm -m 64M", 8, 0, 1, "-object memory-backend-memfd,id=vhostnet-mem,size=64M,share=on -machine memory-backend=vhostnet-mem "
        + "-chardev socket,id=vhostnet-socket,path=/s,reconnect=1 -netdev vhost-user,id=vhostnet,chardev=vhostnet-socket -device virtio-net-device,netdev=vhostnet")]
    public void WhatIsMissingIsAdded(string given, int major, int minor, int pairs, string expected) =>
        Assert.Equal(expected, string.Join(' ', QemuCard.Add(new QemuArguments(given.Split(' ')), new QemuVersion(major, minor), "qemu-system-x86_64", "/s", pairs)));

    [Theory]
    [InlineData("-numa node,memdev=m -object memory-backend-ram,id=m,size=1G", "share=on is missing")]
    [InlineData("-numa node,memdev=m -object memory-backend-memfd,id=m,size=1G,share=off", "share=on is missing")]
    [InlineData("-netdev user,id=vhostnet", "as an id already")]
    public void WhatCannotBeIsRefused(string given, string expected)
    {
        CtlException e = Assert.Throws<CtlException>(() => QemuCard.Add(new QemuArguments(given.Split(' ')), new QemuVersion(9, 0), "qemu-system-x86_64", "/s", 1));
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }
}
