namespace VhostNet.EndToEnd;

/// <summary>A systemd on a copy of this machine's file system that is thrown away, in which packages can be installed and purged.</summary>
public sealed class PackageMachine : SystemdMachine
{
    /// <summary>The package, made of what ./build.sh published.</summary>
    public string Package { get; private set; } = string.Empty;

    /// <inheritdoc/>
    protected override string Script => "package.sh";

    /// <inheritdoc/>
    public override async ValueTask InitializeAsync()
    {
        await using (ChildProcess make = await ChildProcess.StartAsync("package.sh", Path.Combine(Repository.Root, "eng", "package.sh"), []))
        {
            int status = await make.WaitForExitAsync(TimeSpan.FromMinutes(3));
            Package = status == 0
                ? Path.Combine(Repository.Root, make.StandardOutput.ToString().Split(':')[0])
                : throw make.Output.Failure($"exited with status {status}");
        }

        await base.InitializeAsync();
    }
}
