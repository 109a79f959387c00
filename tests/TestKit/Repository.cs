namespace VhostNet.TestKit;

/// <summary>Finds what the tests need in the source tree that they were built from.</summary>
public static class Repository
{
    private static readonly Lazy<Task<string>> s_guest = new(MakeGuestAsync);

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

    /// <summary>The directory with the guest's vmlinuz and initrd, made now if they are missing or older than their sources.</summary>
    public static Task<string> GuestAsync() => s_guest.Value;

    private static async Task<string> MakeGuestAsync()
    {
        string script = Path.Combine(Root, "eng", "guest-image.sh");
        await using ChildProcess process = await ChildProcess.StartAsync("guest-image.sh", script, []);
        int status = await process.WaitForExitAsync(TimeSpan.FromMinutes(2));
        return status == 0 ? Path.Combine(Root, "artifacts", "guest") : throw process.Output.Failure($"exited with status {status}");
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
