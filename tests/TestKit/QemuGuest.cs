using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>
/// A Linux guest in QEMU with one vhost-user network device, and an agent on its second serial line that runs commands. The guest's init script
/// (tests/EndToEnd/guest/init) describes the agent's protocol.
/// </summary>
public sealed partial class QemuGuest : IAsyncDisposable
{
    /// <summary>How long a guest may take to boot on a busy machine; it takes three seconds on an idle one.</summary>
    public static readonly TimeSpan BootLimit = TimeSpan.FromSeconds(60);

    private readonly UnixLine _agent;
    private readonly GuestOptions _options;
    private int _commands;

    private QemuGuest(GuestOptions options, ChildProcess qemu, UnixLine agent, QmpClient qmp)
    {
        _options = options;
        Qemu = qemu;
        _agent = agent;
        Qmp = qmp;
    }

    /// <summary>The QEMU process; its output is the guest's console.</summary>
    public ChildProcess Qemu { get; }

    /// <summary>QEMU's machine protocol.</summary>
    public QmpClient Qmp { get; }

    /// <summary>The agent's side of all commands.</summary>
    public Transcript Agent => _agent.Output;

    /// <summary>Starts a machine and waits until its agent is ready.</summary>
    public static async Task<QemuGuest> BootAsync(TestDirectory directory, GuestOptions options)
    {
        QemuGuest guest = await StartAsync(directory, options);
        try
        {
            await guest.WaitUntilReadyAsync(0);
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Starts a machine and returns as soon as QEMU runs.</summary>
    public static async Task<QemuGuest> StartAsync(TestDirectory directory, GuestOptions options)
    {
        string image = await Repository.GuestAsync(options.Machine);
        string unique = Guid.NewGuid().ToString("N")[..8];
        string agentPath = directory.File($"agent-{unique}");
        string qmpPath = directory.File($"qmp-{unique}");
        UnixLine agent = new($"{options.Name}'s agent", agentPath);
        QmpClient qmp = new($"{options.Name}'s QMP", qmpPath);
        string program = options.Machine == GuestMachine.S390 ? "qemu-system-s390x" : "qemu-system-x86_64";
        string reconnect = options.Reconnect ? (await QemuRelease.OfAsync(program)).Reconnect : "";
        ChildProcess qemu = await ChildProcess.StartAsync(options.Name, program, Arguments(options, image, agentPath, qmpPath, reconnect));
        QemuGuest guest = new(options, qemu, agent, qmp);
        try
        {
            Task connected = Task.WhenAll(agent.AcceptAsync(BootLimit), qmp.ConnectAsync());
            if (await Task.WhenAny(connected, qemu.Exited) == qemu.Exited)
            {
                throw qemu.Output.Failure($"ended with status {await qemu.Exited}");
            }

            await connected;
            return guest;
        }
        catch
        {
            await guest.DisposeAsync();
            throw;
        }
    }

    /// <summary>Waits for the agent's sign, printed after a position of its transcript (a reboot prints it again). Returns the guest's uptime.</summary>
    public async Task<TimeSpan> WaitUntilReadyAsync(int from)
    {
        Task<Match> ready = Agent.WaitForAsync(ReadyMark(), from, BootLimit);
        if (await Task.WhenAny(ready, Qemu.Exited) == Qemu.Exited)
        {
            throw Qemu.Output.Failure($"ended with status {await Qemu.Exited} while the guest booted");
        }

        return TimeSpan.FromSeconds(double.Parse((await ready).Groups[1].Value, CultureInfo.InvariantCulture));
    }

    /// <summary>Runs one shell command line in the guest and waits for its end.</summary>
    public async Task<CommandResult> TryRunAsync(string command, TimeSpan? timeout = null)
    {
        if (command.Contains('\n', StringComparison.Ordinal))
        {
            throw new ArgumentException("The agent runs single lines; join commands with ';'.", nameof(command));
        }

        int id = ++_commands;
        int from = Agent.Length;
        await _agent.SendAsync($"{id} {command}\n");
        Regex end = new($"@begin {id}\n(.*)\n@end {id} ([0-9]+)\n", RegexOptions.Singleline);
        Match match = await Agent.WaitForAsync(end, from, timeout ?? TimeSpan.FromSeconds(60));
        return new CommandResult(int.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture), match.Groups[1].Value);
    }

    /// <summary>Runs one shell command line in the guest; it has to succeed.</summary>
    public async Task<string> RunAsync(string command, TimeSpan? timeout = null)
    {
        CommandResult result = await TryRunAsync(command, timeout);
        return result.Status == 0 ? result.Output : throw Agent.Failure($"ran \"{command}\" with exit status {result.Status}");
    }

    /// <summary>Gives the guest's interface an address, without DHCP, and sets it up.</summary>
    public Task<string> ConfigureAsync(string address, int mtu = 1500) =>
        RunAsync($"ip link set eth0 mtu {mtu} up && ip addr add {address} dev eth0");

    /// <summary>Pings and returns how many answers came.</summary>
    public async Task<int> PingAsync(string address, int count, string options = "")
    {
        CommandResult result = await TryRunAsync($"ping -c {count} {options} {address}", TimeSpan.FromSeconds(60 + count));
        Match match = Received().Match(result.Output);
        return match.Success ? int.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture) : 0;
    }

    /// <summary>Pings until the first answer, because the other side needs a while, and returns how long that took.</summary>
    public async Task<TimeSpan> PingUntilAnsweredAsync(string address, TimeSpan limit)
    {
        long start = Stopwatch.GetTimestamp();
        int seconds = (int)Math.Ceiling(limit.TotalSeconds);
        string loop = $"n=0; until ping -c 1 -W 1 {address}; do n=$((n+1)); [ $n -lt {seconds} ] || exit 1; done";
        await RunAsync(loop, limit + TimeSpan.FromSeconds(20));
        return Stopwatch.GetElapsedTime(start);
    }

    /// <summary>Resets the machine as its button does and waits for the agent.</summary>
    public async Task ResetAsync()
    {
        int from = Agent.Length;
        await Qmp.ExecuteAsync("system_reset");
        await WaitUntilReadyAsync(from);
    }

    /// <summary>The console, QEMU's messages and the agent's last words, to print when a test fails.</summary>
    public string Report() => $"--- {_options.Name}: console\n{Qemu.Output.Tail()}\n--- {_options.Name}: agent\n{Agent.Tail()}\n";

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Qemu.DisposeAsync();
        _agent.Dispose();
        Qmp.Dispose();
    }

    private static IEnumerable<string> Arguments(GuestOptions options, string image, string agentPath, string qmpPath, string reconnect)
    {
        string memory = $"memory-backend-memfd,id=mem,size={options.MemoryMiB}M,share={(options.SharedMemory ? "on" : "off")}";
        string mode = options.SocketServer ? ",server=on" : options.Reconnect ? $",{reconnect}" : "";
        string queues = options.QueuePairs > 1 ? $",queues={options.QueuePairs}" : "";
        string device = $"netdev=n0,mac={options.Mac}{(options.QueuePairs > 1 ? ",mq=on" : "")}{(options.DeviceProperties.Length > 0 ? "," : "")}{options.DeviceProperties}";
        return
        [
            "-accel", "tcg", "-nodefaults", "-no-user-config", "-display", "none", "-m", $"{options.MemoryMiB}M", "-smp", $"{options.Processors}",
            "-kernel", Path.Combine(image, "vmlinuz"), "-initrd", Path.Combine(image, "initrd"),
            .. options.MemoryBackend ? (string[])["-object", memory] : [],
            .. options.Machine == GuestMachine.S390 ? S390Arguments(options, device) : PcArguments(options, options.Socket is null ? null : device),
            "-chardev", "stdio,id=console", "-chardev", $"socket,id=agent,path={agentPath}",
            "-chardev", $"socket,id=qmp,path={qmpPath}", "-mon", "chardev=qmp,mode=control",
            .. options.Socket is null ? [] : (string[])["-chardev", $"socket,id=c0,path={options.Socket}{mode}", "-netdev", $"vhost-user,id=n0,chardev=c0{queues}"],
            .. options.MayReboot ? Array.Empty<string>() : ["-no-reboot"],
            .. options.ExtraArguments,
        ];
    }

    private static string[] PcArguments(GuestOptions options, string? device) =>
    [
        "-machine", "pc", .. options.MemoryBackend ? (string[])["-numa", "node,memdev=mem"] : [], "-append", "console=ttyS0 panic=-1 quiet",
        "-serial", "chardev:console", "-serial", "chardev:agent",
        .. device is null ? [] : (string[])["-device", $"virtio-net-pci,romfile=,vectors=0,{device}"],
    ];

    private static string[] S390Arguments(GuestOptions options, string device) =>
    [
        "-machine", $"s390-ccw-virtio{(options.MemoryBackend ? ",memory-backend=mem" : "")}", "-append", "console=ttysclp0 panic=-1 quiet",
        "-device", "sclpconsole,chardev=console", "-device", "virtio-serial-ccw", "-device", "virtconsole,chardev=agent", "-device", $"virtio-net-ccw,{device}",
    ];

    [GeneratedRegex("@ready ([0-9.]+)\n")]
    private static partial Regex ReadyMark();

    [GeneratedRegex("([0-9]+) packets received")]
    private static partial Regex Received();
}
