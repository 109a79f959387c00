using System.Globalization;
using System.Runtime.InteropServices;

namespace VhostNet.Throughput;

/// <summary>When, on what and with which programs a run was made.</summary>
internal sealed record RunDescription
{
    /// <summary>Date and time, UTC; it identifies the run.</summary>
    public required string Date { get; init; }

    /// <summary>Commit of the source tree, with "+" when it was changed since.</summary>
    public required string Commit { get; init; }

    /// <summary>The daemon's version.</summary>
    public required string Daemon { get; init; }

    /// <summary>DPDK's version.</summary>
    public required string Dpdk { get; init; }

    /// <summary>Open vSwitch's version.</summary>
    public required string OpenVSwitch { get; init; }

    /// <summary>The runtime of this program; the daemon carries its own of the same version.</summary>
    public string DotNet { get; init; } = RuntimeInformation.FrameworkDescription;

    /// <summary>The processor.</summary>
    public required string Processor { get; init; }

    /// <summary>How many processors there are.</summary>
    public int Processors { get; init; } = Environment.ProcessorCount;

    /// <summary>The processors are a virtual machine's.</summary>
    public bool Virtual { get; init; }

    /// <summary>Memory, in GiB.</summary>
    public double MemoryGib { get; init; } = Math.Round(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / (double)(1 << 30), 1);

    /// <summary>The kernel.</summary>
    public string Kernel { get; init; } = RuntimeInformation.OSDescription;

    /// <summary>Seconds of windows in each case.</summary>
    public double CaseSeconds { get; init; }

    /// <summary>Seconds of each window.</summary>
    public double WindowSeconds { get; init; }

    /// <summary>Asks the machine.</summary>
    public static async Task<RunDescription> DescribeAsync(BenchOptions options)
    {
        string[] processor = await File.ReadAllLinesAsync("/proc/cpuinfo");
        string Field(string name) => processor.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[1].Trim() ?? "unknown";
        return new RunDescription
        {
            Date = TimeProvider.System.GetUtcNow().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
            Commit = await CommitAsync(),
            Daemon = await FirstLineAsync(Repository.Daemon, "--version"),
            Dpdk = await FirstLineAsync("dpkg-query", "-W", "-f=${Version}", "dpdk"),
            OpenVSwitch = await FirstLineAsync("dpkg-query", "-W", "-f=${Version}", "openvswitch-switch-dpdk"),
            Processor = $"{Field("model name")}, family {Field("cpu family")}, model {Field("model\t")}, stepping {Field("stepping")}",
            Virtual = Field("flags").Split(' ').Contains("hypervisor"),
            CaseSeconds = options.CaseTime.TotalSeconds,
            WindowSeconds = options.WindowTime.TotalSeconds,
        };
    }

    private static async Task<string> CommitAsync()
    {
        string commit = await FirstLineAsync("git", "-C", Repository.Root, "rev-parse", "--short=12", "HEAD");
        string changes = await FirstLineAsync("git", "-C", Repository.Root, "status", "--porcelain", "--untracked-files=no", "src");
        return changes.Length > 0 ? commit + "+" : commit;
    }

    /// <summary>What a program says about itself; "unknown" when it can't be asked, which is no reason not to measure.</summary>
    private static async Task<string> FirstLineAsync(string program, params string[] arguments)
    {
        try
        {
            return (await ChildProcess.RunAsync(program, arguments)).Split('\n')[0].Trim();
        }
        catch (TestPeerException)
        {
            return "unknown";
        }
    }
}
