using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Deploy;

public sealed class QemuReleaseTests
{
    [Theory]
    [InlineData("QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg-7+deb12u15)", "reconnect=1")]
    [InlineData("QEMU emulator version 9.1.3", "reconnect=1")]
    [InlineData("QEMU emulator version 9.2.0", "reconnect-ms=100")]
    [InlineData("QEMU emulator version 10.2.50", "reconnect-ms=100")]
    public void AReleaseIsToldToReconnectInItsOwnWords(string version, string expected) => Assert.Equal(expected, QemuRelease.Parse(version).Reconnect);

    [Fact]
    public void WhatNamesNoReleaseIsRefused() => Assert.Throws<FormatException>(() => QemuRelease.Parse("qemu: not found"));
}
