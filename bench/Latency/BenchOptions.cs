using System.Globalization;

namespace VhostNet.Latency;

/// <summary>The command line.</summary>
internal sealed record BenchOptions
{
    public const string Usage =
        """
        What a frame's way costs through the real daemon and a real socket, beside DPDK's testpmd.

        VhostNet.Latency [MODE...] [--seconds S] [--poll POLICY] [--json FILE] [--smoke]
          roundtrip   time of a single frame through the hairpin, for each poll policy and for testpmd's net_vhost
          idle        processor time and memory of a daemon with one idle guest, and how soon after exec its socket listens
          load        rate of the adaptive policy as a share of the busy one's, in paired windows
          garbage     full traffic while metrics and status are read every second: collections, gaps of the data thread, bytes allocated
          tap         frames and bytes between a guest and a tap, and system calls for each frame, beside testpmd's net_tap
          --seconds S time for each figure (5; garbage: 60)
          --poll POLICY  only that back end: a daemon that is interrupt, adaptive or busy, or testpmd
          --json FILE writes the results there
          --smoke     every mode for a moment, to see that it runs; its figures mean nothing

        All modes but tap if none is named. The daemon is out/vhostnetd (run ./build.sh first), or what VHOSTNETD names. Wants two processors for itself, and root
        for testpmd and tap.
        """;

    /// <summary>The name that stands for testpmd among the back ends.</summary>
    public const string Testpmd = "testpmd";

    private const double SmokeSeconds = 0.3;

    private static readonly string[] s_all = ["roundtrip", "idle", "load", "garbage", "tap"];

    public IReadOnlyList<string> Modes { get; private init; } = ["roundtrip", "idle", "load", "garbage"];

    public TimeSpan Time { get; private init; } = TimeSpan.FromSeconds(5);

    public TimeSpan GarbageTime { get; private init; } = TimeSpan.FromSeconds(60);

    public bool Smoke { get; private init; }

    public string? Json { get; private init; }

    /// <summary>The back ends to be measured: the daemon's poll policies, and testpmd.</summary>
    public IReadOnlyList<string> Polls { get; private init; } = ["interrupt", "adaptive", "busy", Testpmd];

    /// <summary>Reads the command line.</summary>
    /// <exception cref="FormatException">It has a mistake, which the message names.</exception>
    public static BenchOptions Parse(string[] arguments)
    {
        var options = new BenchOptions();
        var modes = new List<string>();
        for (int i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--smoke":
                    options = options with { Smoke = true, Time = TimeSpan.FromSeconds(SmokeSeconds), GarbageTime = TimeSpan.FromSeconds(3), Modes = s_all };
                    break;
                case "--seconds":
                    TimeSpan time = Seconds(arguments.ElementAtOrDefault(++i));
                    options = options with { Time = time, GarbageTime = time };
                    break;
                case "--poll":
                    string? poll = arguments.ElementAtOrDefault(++i);
                    options = options with { Polls = [options.Polls.Contains(poll) ? poll! : throw new FormatException($"--poll {poll}: interrupt, adaptive, busy or testpmd is expected\n\n{Usage}")] };
                    break;
                case "--json":
                    options = options with { Json = arguments.ElementAtOrDefault(++i) ?? throw new FormatException($"--json needs a file\n\n{Usage}") };
                    break;
                case var mode when s_all.Contains(mode):
                    modes.Add(mode);
                    break;
                case var unknown:
                    throw new FormatException($"unknown argument '{unknown}'\n\n{Usage}");
            }
        }

        return modes.Count == 0 ? options : options with { Modes = modes };
    }

    private static TimeSpan Seconds(string? text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds) && seconds > 0
            ? TimeSpan.FromSeconds(seconds)
            : throw new FormatException($"--seconds {text}: a positive number is expected\n\n{Usage}");
}
