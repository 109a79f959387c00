using System.Diagnostics;
using System.Net.Sockets;
using System.Text.Json;

namespace VhostNet.EndToEnd;

/// <summary>The units under deploy/, sandbox and all, under a real systemd.</summary>
[Collection(Alone.Name)]
public sealed class SystemdTests(SystemdMachine machine) : IClassFixture<SystemdMachine>
{
    [Fact]
    public async Task AStartedServiceListensAndReportsItself()
    {
        await OptionsAsync("ready", "--uplink user");
        await machine.RunAsync("systemctl start vhostnetd@ready");
        await ConnectAsync("/run/vhostnet/ready.sock");
        Assert.Equal("active", await machine.ShowAsync("vhostnetd@ready", "ActiveState"));
        Assert.Equal("2 ports, 1 networks", await machine.ShowAsync("vhostnetd@ready", "StatusText"));
        Assert.Equal("660 vhostnet:vhostnet", (await machine.RunAsync("stat -c '%a %U:%G' /run/vhostnet/ready.sock")).Trim());
        Assert.Equal("ok", (await HealthAsync("ready.control")).Trim());

        var time = Stopwatch.StartNew();
        await machine.RunAsync("systemctl stop vhostnetd@ready");
        Assert.True(time.Elapsed < TimeSpan.FromSeconds(3), $"it took {time.Elapsed} to stop");
        Assert.Equal("success", await machine.ShowAsync("vhostnetd@ready", "Result"));
        Assert.NotEqual(0, (await machine.TryAsync("test -e /run/vhostnet/ready.sock")).Status);
    }

    [Fact]
    public async Task LinesReachTheJournalWithTheirSeverity()
    {
        await OptionsAsync("journal", "--uplink null");
        await machine.RunAsync("systemctl start vhostnetd@journal");
        string lines = await machine.RunAsync("journalctl --sync; journalctl --no-pager -o cat -p info -u vhostnetd@journal");
        Assert.Contains("vhostnetd 0", lines, StringComparison.Ordinal);
        Assert.DoesNotContain("<6>", lines, StringComparison.Ordinal);
        Assert.DoesNotContain("is ready", await machine.RunAsync("journalctl --no-pager -o cat -p warning -u vhostnetd@journal"), StringComparison.Ordinal);
        await machine.RunAsync("systemctl stop vhostnetd@journal");
    }

    [Fact]
    public async Task AMistakeInTheOptionsFailsTheStartOnce()
    {
        await OptionsAsync("wrong", "--uplink fish");
        CommandResult result = await machine.TryAsync("systemctl start vhostnetd@wrong");
        Assert.NotEqual(0, result.Status);
        Assert.Equal("2", await machine.ShowAsync("vhostnetd@wrong", "ExecMainStatus"));
        Assert.Equal("failed", await machine.ShowAsync("vhostnetd@wrong", "ActiveState"));
        Assert.Equal("0", await machine.ShowAsync("vhostnetd@wrong", "NRestarts"));
        Assert.Contains("--uplink fish: \"fish\" is unknown; known here: ", await machine.JournalAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task AStuckLoopIsReplacedByTheWatchdog()
    {
        await machine.RunAsync("""
            cat >/etc/vhostnet/vhostnet.json <<'J'
            {
              "networks": [{"name": "loop", "kind": "hairpin"}],
              "ports": [{"name": "vm0", "kind": "vhost-user", "network": "loop", "socket": {"path": "/run/vhostnet/vm0.sock", "mode": "0660"}}],
              "control": {"path": "/run/vhostnet/control.sock"},
              "debug": {"stall": true}
            }
            J
            mkdir -p /etc/systemd/system/vhostnetd.service.d
            printf '[Service]\nWatchdogSec=2\n' >/etc/systemd/system/vhostnetd.service.d/watchdog.conf
            systemctl daemon-reload
            systemctl start vhostnetd
            """);
        string first = await machine.ShowAsync("vhostnetd", "MainPID");

        // Several intervals pass in which a healthy daemon is left alone.
        await machine.RunAsync("sleep 5");
        Assert.Equal(first, await machine.ShowAsync("vhostnetd", "MainPID"));

        using var client = new HttpClient(HandlerOf("control.sock"));
        using HttpResponseMessage response = await client.PostAsync(new Uri("http://daemon/debug/stall/io0"), null);
        Assert.True(response.IsSuccessStatusCode);
        await machine.RunAsync("until [ \"$(systemctl show --value -p NRestarts vhostnetd)\" = 1 ] && systemctl -q is-active vhostnetd; do sleep 0.1; done");
        Assert.NotEqual(first, await machine.ShowAsync("vhostnetd", "MainPID"));
        Assert.Equal("ok", (await HealthAsync("control.sock")).Trim());
        string journal = await machine.JournalAsync();
        Assert.Matches("Thread io0 .*stands still: it is stuck in a callback; the service manager is not told that we are alive", journal);
        await machine.RunAsync("systemctl stop vhostnetd");
    }

    [Fact]
    public async Task AReloadReplacesTheProcessReadsTheFileAgainAndKeepsGuests()
    {
        await machine.RunAsync("""
            mkdir -p /var/log/vhostnet && chown vhostnet:vhostnet /var/log/vhostnet
            cat >/etc/vhostnet/vhostnet.json <<'J'
            {
              "networks": [{"name": "loop", "kind": "switch"}],
              "ports": [{"name": "vm0", "kind": "vhost-user", "network": "loop", "socket": {"path": "/run/vhostnet/vm0.sock", "mode": "0660"}}],
              "control": {"path": "/run/vhostnet/control.sock"},
              "log": {"file": "/var/log/vhostnet/daemon.log"}
            }
            J
            systemctl start vhostnetd
            """);
        string pid = await machine.ShowAsync("vhostnetd", "MainPID");
        using var guest = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await guest.ConnectAsync(new UnixDomainSocketEndPoint(machine.PathOf("/run/vhostnet/vm0.sock")));

        // As logrotate does it.
        await machine.RunAsync("""
            sed -i 's/"ports": \[/"ports": [{"name": "sink", "kind": "null", "network": "loop"}, /' /etc/vhostnet/vhostnet.json
            mv /var/log/vhostnet/daemon.log /var/log/vhostnet/daemon.log.1
            systemctl reload vhostnetd
            until grep -q 'SIGHUP: .* was read again, 1 change made' /var/log/vhostnet/daemon.log 2>/dev/null; do sleep 0.1; done
            until [ "$(systemctl show --value -p ActiveState vhostnetd)" = active ]; do sleep 0.1; done
            """);
        string next = await machine.ShowAsync("vhostnetd", "MainPID");
        Assert.NotEqual(pid, next);
        Assert.NotEqual(0, (await machine.TryAsync($"kill -0 {pid}")).Status);
        pid = next;
        Assert.Equal("0", await machine.ShowAsync("vhostnetd", "NRestarts"));
        Assert.Equal("2 ports, 1 networks", await machine.ShowAsync("vhostnetd", "StatusText"));
        Assert.Equal("640 vhostnet", (await machine.RunAsync("stat -c '%a %U' /var/log/vhostnet/daemon.log")).Trim());
        using var client = new HttpClient(HandlerOf("control.sock"));
        using var vm0 = JsonDocument.Parse(await client.GetStringAsync(new Uri("http://daemon/ports/vm0")));
        Assert.Equal(1, vm0.RootElement.GetProperty("sessions").GetInt32());
        Assert.Equal(JsonValueKind.Object, vm0.RootElement.GetProperty("session").ValueKind);

        // A mistake in the file fails no service.
        await machine.RunAsync("""
            echo '{' >/etc/vhostnet/vhostnet.json
            systemctl reload vhostnetd
            until grep -q 'error .*not valid JSON: .*; nothing is changed' /var/log/vhostnet/daemon.log; do sleep 0.1; done
            """);
        Assert.Equal(pid, await machine.ShowAsync("vhostnetd", "MainPID"));
        Assert.Equal("active", await machine.ShowAsync("vhostnetd", "ActiveState"));
        await machine.RunAsync("systemctl stop vhostnetd; rm /etc/vhostnet/vhostnet.json");
    }

    [Fact]
    public async Task TheFirstConnectionStartsTheService()
    {
        await OptionsAsync("lazy", "--uplink null");
        await machine.RunAsync("systemctl start vhostnetd@lazy.socket");
        Assert.Equal("inactive", await machine.ShowAsync("vhostnetd@lazy", "ActiveState"));
        using (var guest = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            await guest.ConnectAsync(new UnixDomainSocketEndPoint(machine.PathOf("/run/vhostnet/lazy.sock")));
            await machine.RunAsync("until systemctl -q is-active vhostnetd@lazy; do sleep 0.1; done");
        }

        Assert.Equal("ok", (await HealthAsync("lazy.control")).Trim());
        string pid = await machine.ShowAsync("vhostnetd@lazy", "MainPID");

        // The sockets are systemd's: they outlive the service, and the next connection starts it anew.
        await machine.RunAsync("systemctl stop vhostnetd@lazy.service; systemctl start vhostnetd@lazy.socket");
        Assert.Equal("ok", (await HealthAsync("lazy.control")).Trim());
        Assert.NotEqual(pid, await machine.ShowAsync("vhostnetd@lazy", "MainPID"));
        await machine.RunAsync("systemctl stop vhostnetd@lazy.socket vhostnetd@lazy.service");
    }

    [Fact]
    public async Task AKilledServiceIsStartedAgain()
    {
        await OptionsAsync("killed", "--uplink null");
        await machine.RunAsync("systemctl start vhostnetd@killed; systemctl kill -s KILL vhostnetd@killed");
        await machine.RunAsync("until [ \"$(systemctl show --value -p NRestarts vhostnetd@killed)\" = 1 ] && systemctl -q is-active vhostnetd@killed; do sleep 0.1; done");
        await ConnectAsync("/run/vhostnet/killed.sock");
        await machine.RunAsync("systemctl stop vhostnetd@killed");
    }

    [Fact]
    public async Task ATapIsServedWithItsDropIn()
    {
        await OptionsAsync("tapped", "--uplink tap:vnt0");

        // Without it there is no device, and a sentence that says so. The interface is made in a network that systemd makes for it.
        await machine.RunAsync("d=/etc/systemd/system/vhostnetd@tapped.service.d; mkdir -p $d; printf '[Service]\nPrivateNetwork=yes\n' >$d/net.conf; systemctl daemon-reload");
        Assert.NotEqual(0, (await machine.TryAsync("systemctl start vhostnetd@tapped")).Status);
        Assert.Contains("/dev/net/tun", await machine.JournalAsync(), StringComparison.Ordinal);

        await machine.RunAsync("systemctl stop vhostnetd@tapped; cp /run/machine/deploy/systemd/vhostnetd@.service.d/tap.conf /etc/systemd/system/vhostnetd@tapped.service.d/");
        await machine.RunAsync("systemctl daemon-reload; systemctl reset-failed vhostnetd@tapped; systemctl start vhostnetd@tapped");
        Assert.Equal("ok", (await HealthAsync("tapped.control")).Trim());
        await machine.RunAsync("nsenter -t $(systemctl show --value -p MainPID vhostnetd@tapped) -n ip link show vnt0");
        await machine.RunAsync("systemctl stop vhostnetd@tapped");
    }

    [Fact]
    public async Task AThreadIsBoundToACpuWithItsDropIn()
    {
        await OptionsAsync("bound", "--uplink null --cpu 0");
        Assert.NotEqual(0, (await machine.TryAsync("systemctl start vhostnetd@bound")).Status);
        Assert.Contains("cpu.conf", await machine.JournalAsync(), StringComparison.Ordinal);
        await machine.RunAsync("systemctl stop vhostnetd@bound; d=/etc/systemd/system/vhostnetd@bound.service.d; mkdir -p $d; cp /run/machine/deploy/systemd/vhostnetd@.service.d/cpu.conf $d/");
        await machine.RunAsync("systemctl daemon-reload; systemctl reset-failed vhostnetd@bound; systemctl start vhostnetd@bound");
        Assert.Equal("ok", (await HealthAsync("bound.control")).Trim());
        await machine.RunAsync("systemctl stop vhostnetd@bound");
    }

    private async Task OptionsAsync(string instance, string options) =>
        await machine.RunAsync($"echo 'VHOSTNETD_OPTIONS={options}' >/etc/vhostnet/{instance}.env");

    private async Task ConnectAsync(string path)
    {
        using var guest = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await guest.ConnectAsync(new UnixDomainSocketEndPoint(machine.PathOf(path)));
    }

    private async Task<string> HealthAsync(string socket)
    {
        using var client = new HttpClient(HandlerOf(socket));
        return await client.GetStringAsync(new Uri("http://daemon/health"));
    }

    private SocketsHttpHandler HandlerOf(string socket) => new()
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var connection = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await connection.ConnectAsync(new UnixDomainSocketEndPoint(machine.PathOf($"/run/vhostnet/{socket}")), cancellation);
            return new NetworkStream(connection, ownsSocket: true);
        },
    };
}
