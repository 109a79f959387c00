using System.Net.Sockets;

namespace VhostNet.EndToEnd;

/// <summary>Bad input at the daemon's door: one line that names the input and the remedy, and the documented exit status.</summary>
public sealed class RefusalTests : EndToEndTest
{
    private const int Usage = 2;
    private const int Resource = 3;
    private const int SocketInUse = 4;

    [Fact]
    public async Task UnknownUplinkIsRefusedWithASuggestion()
    {
        string message = await RefusedAsync(Usage, "--socket-path", SocketPath, "--uplink", "respnder");
        Assert.Contains("respnder", message, StringComparison.Ordinal);
        Assert.Contains("\"responder\"", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnknownOptionIsRefused()
    {
        string message = await RefusedAsync(Usage, "--socket-path", SocketPath, "--uplnk", "responder");
        Assert.Contains("--uplnk", message, StringComparison.Ordinal);
        Assert.Contains("did you mean --uplink?", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingSocketDirectoryIsRefused()
    {
        string path = Path.Combine(Directory.Path, "absent", "net0.sock");
        string message = await RefusedAsync(Resource, "--socket-path", path, "--uplink", "responder");
        Assert.Contains(Path.GetDirectoryName(path)!, message, StringComparison.Ordinal);
        Assert.Contains("create it or choose another path", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnwritableSocketDirectoryIsRefused()
    {
        // Everybody may look into the directory, and only its owner may write.
        await ChildProcess.RunAsync("chmod", ["755", Directory.Path]);
        string message = await RefusedAsNobodyAsync("--socket-path", SocketPath, "--uplink", "responder");
        Assert.Contains(SocketPath, message, StringComparison.Ordinal);
        Assert.Contains($"the directory {Directory.Path} has to be writable for user", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task SocketOfARunningDaemonIsRefused()
    {
        VhostnetdProcess first = await StartDaemonAsync("responder");
        string message = await RefusedAsync(SocketInUse, "--socket-path", SocketPath, "--uplink", "responder");
        Assert.Contains(SocketPath, message, StringComparison.Ordinal);
        Assert.False(first.Process.Exited.IsCompleted);
        using Socket probe = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await probe.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath));
    }

    [Fact]
    public async Task SocketOfADeadDaemonIsReplaced()
    {
        VhostnetdProcess first = await StartDaemonAsync("responder");
        await first.Process.KillAsync();
        Assert.True(File.Exists(SocketPath));
        await StartDaemonAsync("responder");
    }

    [Fact]
    public async Task TapWithoutPermissionIsRefused()
    {
        string message = await RefusedAsNobodyAsync("--socket-path", "/tmp/vhostnet-nobody.sock", "--uplink", "tap:vhostnet9");
        Assert.Contains("vhostnet9", message, StringComparison.Ordinal);
        Assert.Contains("ip tuntap add", message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GuestMemoryThatIsNotSharedIsRefusedByName()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("responder");
        await using QemuGuest guest = await QemuGuest.StartAsync(Directory, new GuestOptions { Socket = SocketPath, SharedMemory = false });
        await daemon.Log.WaitForAsync("share=on is missing", QemuGuest.BootLimit);
        Assert.False(daemon.Process.Exited.IsCompleted);
    }

    [Fact]
    public async Task GuestMemoryThatIsNoFileIsRefusedByName()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("responder");
        await using QemuGuest guest = await QemuGuest.StartAsync(Directory, new GuestOptions { Socket = SocketPath, MemoryBackend = false });
        await daemon.Log.WaitForAsync("share=on is missing", QemuGuest.BootLimit);
        Assert.False(daemon.Process.Exited.IsCompleted);
    }

    [Fact]
    public async Task FrontEndWithTooManyQueuesLearnsTheLimit()
    {
        VhostnetdProcess daemon = await StartDaemonAsync("responder", null, "--queue-pairs", "2");
        await using ChildProcess qemu = await ChildProcess.StartAsync(
            "qemu",
            "qemu-system-x86_64",
            [
                "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-S",
                "-chardev", $"socket,id=c0,path={SocketPath}", "-netdev", "vhost-user,id=n0,chardev=c0,queues=8",
                "-device", "virtio-net-pci,netdev=n0,mq=on,vectors=0,romfile=",
            ]);

        // QEMU tries again for ever.
        await qemu.Output.WaitForAsync("you are asking more queues than supported: 2", TimeSpan.FromSeconds(20));
        await daemon.Log.WaitForAsync(" warning guest: 2 queue pairs offered, and the front end, process [0-9]+, left as soon as it was told: ", TimeSpan.FromSeconds(20));
        Assert.False(daemon.Process.Exited.IsCompleted);
    }

    private static async Task<string> RefusedAsNobodyAsync(params string[] arguments)
    {
        await using ChildProcess daemon = await ChildProcess.StartAsync(
            "vhostnetd as nobody", "setpriv", ["--reuid", "65534", "--regid", "65534", "--clear-groups", Repository.Daemon, .. arguments]);
        int status = await daemon.WaitForExitAsync(TimeSpan.FromSeconds(20));
        Assert.True(status == Resource, $"exit status {status} instead of {Resource}: {daemon.Output}");
        return Complaint(daemon.Output.ToString());
    }

    private static string Complaint(string output) => Assert.Single(output.Split('\n'), line => line.StartsWith("vhostnetd: ", StringComparison.Ordinal));

    private async Task<string> RefusedAsync(int status, params string[] arguments)
    {
        (int actual, string output) = await VhostnetdProcess.RunToEndAsync(Directory, arguments);
        Assert.True(status == actual, $"exit status {actual} instead of {status}: {output}");
        return Complaint(output);
    }
}
