using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>A real daemon with an innocent pair of guests on a wire and whatever the attack needs, all on one thread for data.</summary>
internal sealed class AttackScene : IAsyncDisposable
{
    private readonly TestDirectory _directory;

    private AttackScene(TestDirectory directory, ChildProcess process)
    {
        _directory = directory;
        Process = process;
        Control = new ControlClient(directory.File("control"));
        Vitals = new DaemonVitals(process.Id);
        Innocents = new InnocentPair(Socket("innocent0"), Socket("innocent1"));
    }

    public ControlClient Control { get; }

    public DaemonVitals Vitals { get; }

    public InnocentPair Innocents { get; }

    public ChildProcess Process { get; }

    /// <summary>The attack asked the daemon to end, which is no finding then.</summary>
    public bool EndsByItself { get; set; }

    /// <summary>Files that the attack made, and the sockets.</summary>
    public TestDirectory Directory => _directory;

    /// <summary>The socket of a guest's port.</summary>
    public string Socket(string name) => _directory.File($"{name}.sock");

    /// <summary>Starts the daemon and connects the innocent pair; null when the daemon refuses the configuration: what it does not take can't hurt.</summary>
    public static async Task<AttackScene?> StartAsync(Attack attack, TestDirectory directory, string daemon)
    {
        string config = directory.File("config.json");
        await File.WriteAllTextAsync(config, Configuration(attack, directory));
        (string program, string[] arguments) = attack.DescriptorLimit == 0
            ? (daemon, ["--config", config])
            : ("prlimit", (string[])[$"--nofile={attack.DescriptorLimit}", daemon, "--config", config]);
        string[] check = [daemon, "--config", config, "--check-config"];
        await using ChildProcess checking = await ChildProcess.StartAsync("check", check[0], check[1..]);
        if (await checking.WaitForExitAsync(TimeSpan.FromSeconds(20)) != 0)
        {
            Console.WriteLine($"  refused: {checking.Output.ToString().Trim()}");
            return null;
        }

        ChildProcess process = await ChildProcess.StartAsync("vhostnetd", program, arguments, attack.Environment(directory));
        try
        {
            var scene = new AttackScene(directory, process);
            scene.Control.WaitUntilServed();
            return scene;
        }
        catch
        {
            Console.WriteLine(process.Output.Tail());
            await process.DisposeAsync();
            throw;
        }
    }

    /// <summary>The daemon's last words.</summary>
    public string LogTail => Process.Output.Tail();

    public async ValueTask DisposeAsync()
    {
        Innocents.Dispose();
        Control.Dispose();
        await Process.DisposeAsync();
    }

    private static string Configuration(Attack attack, TestDirectory directory)
    {
        static object Innocent(TestDirectory directory, int number) => new
        {
            name = $"innocent{number}",
            kind = "vhost-user",
            network = "pair",
            threads = new[] { "io0" },
            socket = new { path = directory.File($"innocent{number}.sock") },
        };
        var keys = new Dictionary<string, object>
        {
            ["control"] = new { path = directory.File("control") },
            ["threads"] = new object[] { new { name = "io0", poll = attack.Poll }, new { name = "io1", poll = "interrupt" } },
            ["networks"] = (object[])[new { name = "pair", kind = "wire" }, .. attack.Networks(directory)],
            ["ports"] = (object[])[Innocent(directory, 0), Innocent(directory, 1), .. attack.Ports(directory).Select(OnSharedThread)],
        };
        foreach ((string key, object value) in attack.Keys(directory))
        {
            keys[key] = value;
        }

        return JsonSerializer.Serialize(keys);
    }

    private static object OnSharedThread(object port)
    {
        if (port is Dictionary<string, object> keys && !keys.ContainsKey("threads"))
        {
            keys["threads"] = new[] { "io0" };
        }

        return port;
    }
}
