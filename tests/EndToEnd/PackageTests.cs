namespace VhostNet.EndToEnd;

/// <summary>The Debian package: checked, installed, used by a guest, installed again, purged.</summary>
[Collection(Alone.Name)]
public sealed class PackageTests(PackageMachine machine) : IClassFixture<PackageMachine>
{
    [Fact]
    public async Task LintianFindsNoError()
    {
        await using ChildProcess lintian = await ChildProcess.StartAsync("lintian", "lintian", ["--fail-on", "error", "--allow-root", machine.Package]);
        Assert.True(await lintian.WaitForExitAsync(TimeSpan.FromMinutes(2)) == 0, lintian.Output.ToString());
    }

    [Fact]
    public async Task ItIsInstalledUsedInstalledAgainAndPurged()
    {
        await machine.RunAsync($"dpkg -i '{machine.Package}'");
        Assert.Equal("750 root:vhostnet", (await machine.RunAsync("stat -c '%a %U:%G' /etc/vhostnet")).Trim());
        await machine.RunAsync("dpkg --verify vhostnetd");
        await machine.RunAsync("for page in vhostnetd vhostnetd.json vhostnetctl; do man -w $page; done");
        await machine.RunAsync("bash -c 'source /usr/share/bash-completion/completions/vhostnetctl && complete -p vhostnetctl'");
        await machine.RunAsync("vhostnetctl schema | cmp - /usr/share/vhostnet/vhostnetd.schema.json");

        // As the manual has it: a file to start from, and the service.
        await machine.RunAsync("install -m 640 -g vhostnet /usr/share/doc/vhostnetd/examples/one-guest.json /etc/vhostnet/vhostnet.json");
        await machine.RunAsync("vhostnetctl check /etc/vhostnet/vhostnet.json && systemctl start vhostnetd");
        string process = await machine.ShowAsync("vhostnetd.service", "MainPID");
        Assert.Equal("/usr/bin/vhostnetd", (await machine.RunAsync($"readlink /proc/{process}/exe")).Trim());

        // The manual's user: a member of the group, and nothing else.
        await machine.RunAsync("useradd --system --groups vhostnet netwatch && setpriv --reuid netwatch --init-groups --regid nogroup vhostnetctl status");
        using var directory = new TestDirectory();
        await using QemuGuest guest = await QemuGuest.BootAsync(directory, new GuestOptions { Socket = machine.PathOf("/run/vhostnet/vm0.sock") });
        await guest.RunAsync("ip link set eth0 up && udhcpc -i eth0 -n -q -f");
        Assert.True(await guest.PingAsync("10.0.2.2", 2) > 0, guest.Report());
        Assert.Contains("1 session", await machine.RunAsync("vhostnetctl status"), StringComparison.Ordinal);

        // Another version: the daemon and its guest go on.
        await machine.RunAsync($"dpkg -i '{machine.Package}'");
        Assert.Equal(process, await machine.ShowAsync("vhostnetd.service", "MainPID"));
        Assert.True(await guest.PingAsync("10.0.2.2", 2) > 0, guest.Report());

        await machine.RunAsync("dpkg -P vhostnetd");
        Assert.Equal("inactive", (await machine.TryAsync("systemctl is-active vhostnetd")).Output.Trim());
        string left = await machine.RunAsync("find /etc /usr /var/lib /var/log /run -name '*vhostnet*' -not -path '/usr/share/doc/*' -not -path '/run/systemd/*' || true");
        Assert.Equal(string.Empty, left.Trim());
        Assert.NotEqual(0, (await machine.TryAsync("getent passwd vhostnet")).Status);
    }
}
