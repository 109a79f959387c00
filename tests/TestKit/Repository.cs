using System.Collections.Concurrent;

namespace VhostNet.TestKit;

/// <summary>Finds what the tests need in the source tree that they were built from.</summary>
public static class Repository
{
    private static readonly ConcurrentDictionary<GuestMachine, Lazy<Task<string>>> s_guests = new();

    /// <summary>The top of the source tree.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The daemon under test: the environment's VHOSTNETD, or what build.sh published.</summary>
    /// <exception cref="FileNotFoundException">It was not built.</exception>
    public static string Daemon
    {
        get
        {
            string path = Environment.GetEnvironmentVariable("VHOSTNETD") ?? Path.Combine(Root, "out", "vhostnetd");
            return File.Exists(path) ? path : throw new FileNotFoundException($"{path} is missing: run ./build.sh, or name the daemon in VHOSTNETD", path);
        }
    }

    /// <summary>The directory with a machine's vmlinuz and initrd, made now if they are missing or older than their sources.</summary>
    public static Task<string> GuestAsync(GuestMachine machine = GuestMachine.Pc) =>
        s_guests.GetOrAdd(machine, m => new Lazy<Task<string>>(() => MakeGuestAsync(m))).Value;

    private static async Task<string> MakeGuestAsync(GuestMachine machine)
    {
        string script = Path.Combine(Root, "eng", "guest-image.sh");
        string directory = Path.Combine(Root, "artifacts", machine == GuestMachine.S390 ? "guest-s390x" : "guest");
        string[] arguments = machine == GuestMachine.S390 ? ["--arch", "s390x", directory] : [directory];
        await using ChildProcess process = await ChildProcess.StartAsync("guest-image.sh", script, arguments);
        int status = await process.WaitForExitAsync(TimeSpan.FromMinutes(2));
        return status == 0 ? directory : throw process.Output.Failure($"exited with status {status}");
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? directory = new(AppContext.BaseDirectory); directory is not null; directory = directory.Parent)
        {
            if (File.Exists(Path.Combine(directory.FullName, "VhostNet.sln")))
            {
                return directory.FullName;
            }
        }

        throw new DirectoryNotFoundException($"no directory above {AppContext.BaseDirectory} has VhostNet.sln: run the tests from where they were built");
    }
}
