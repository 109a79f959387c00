using System.Text.Json;
using Serilog.Events;
using VhostNet.Aio;
using VhostNet.Daemon.Common;

namespace VhostNet.Daemon.Configuration;

/// <summary>
/// Reads the configuration file into <see cref="DaemonOptions"/>: by hand, because every refusal has to name the key and offer the right one.
/// </summary>
internal static class ConfigReader
{
    /// <summary>Spelling of the poll policies.</summary>
    public static IReadOnlyDictionary<string, PollPolicy> PollPolicies { get; } = new Dictionary<string, PollPolicy>(StringComparer.Ordinal)
    {
        ["interrupt"] = PollPolicy.Interrupt,
        ["adaptive"] = PollPolicy.Adaptive,
        ["busy"] = PollPolicy.Busy,
    };

    /// <summary>What is allowed beyond JSON, and what is not.</summary>
    public static JsonDocumentOptions Json { get; } = new()
    {
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
        AllowDuplicateProperties = false,
    };

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="RefusalException">The file can't be read, is no JSON, or holds something wrong.</exception>
    public static DaemonOptions ReadFile(string file)
    {
        byte[] text;
        try
        {
            text = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new RefusalException(RefusalKind.Wrong, $"--config {file}: there is no such file; examples are in deploy/examples", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RefusalException(RefusalKind.Resource, $"--config {file}: can't be read: {e.Message.TrimEnd('.')}", e);
        }

        try
        {
            DaemonOptions options = Read(text) with { Source = file, File = Path.GetFullPath(file) };
            OptionsValidator.Check(options);
            return options;
        }
        catch (ConfigException e)
        {
            throw new RefusalException(RefusalKind.Wrong, $"{file}: {e.Message}", e);
        }
    }

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="ConfigException">Something in it is wrong.</exception>
    public static DaemonOptions Read(ReadOnlyMemory<byte> text, Action<string>? keySeen = null)
    {
        try
        {
            // An editor on another system may have put a byte order mark in front.
            using JsonDocument document = JsonTexts.Parse(() => JsonDocument.Parse(text.Span.StartsWith("\uFEFF"u8) ? text[3..] : text, Json));
            return Read(ConfigSection.Root(document.RootElement, keySeen));
        }
        catch (JsonException e)
        {
            throw new ConfigException(
                e.LineNumber is { } line ? $"line {line + 1}, byte {e.BytePositionInLine + 1}" : string.Empty, $"not valid JSON: {FirstSentence(e.Message)}");
        }
    }

    /// <summary>Reads a whole configuration.</summary>
    internal static DaemonOptions Read(ConfigSection root)
    {
        // For editors; it says where the schema is.
        _ = root.Text("$schema");
        var options = new DaemonOptions
        {
            Threads = [.. root.Sections("threads").Select(ReadThread)],
            Networks = [.. root.Sections("networks").Select(NetworkReader.Read)],
            Ports = [.. root.Sections("ports").Select(PortReader.Read)],
            StateDirectory = root.Text("stateDirectory") is { } directory ? Path.GetFullPath(directory) : null,
            Control = root.Section("control") is { } control ? ReadControl(control) : null,
            Metrics = root.Section("metrics") is { } metrics ? ReadMetrics(metrics) : new MetricsOptions(),
            Descriptors = root.Section("descriptors") is { } descriptors ? ReadDescriptors(descriptors) : new DescriptorOptions(),
            Log = root.Section("log") is { } log ? ReadLog(log) : new LogOptions(),
            Debug = root.Section("debug") is { } debug ? ReadDebug(debug) : new DebugOptions(),
        };
        root.End();
        return options;
    }

    /// <summary>Reads one element of <c>threads</c>.</summary>
    internal static ThreadOptions ReadThread(ConfigSection section)
    {
        var thread = new ThreadOptions(ReadName(section))
        {
            Path = section.Path,
            Source = section.Source,
            Cpu = section.Int("cpu", 0, 4095),
            Poll = section.Choice("poll", PollPolicies) ?? PollPolicy.Adaptive,
            PollMaxMicroseconds = section.Int("pollMaxMicroseconds", 1, 1_000_000),
        };
        section.End();
        return thread;
    }

    /// <summary>Reads the name that threads, networks and ports have.</summary>
    internal static string ReadName(ConfigSection section)
    {
        string name = section.RequiredText("name", "how this is called in logs, metrics and other keys");
        return ValueParsers.IsName(name) ? name : throw section.Error("name", ValueParsers.NameProblem(name));
    }

    private static HttpListenOptions ReadControl(ConfigSection section)
    {
        string path = section.RequiredText("path", "where the control socket shall be");
        HttpListenOptions options = new()
        {
            Path = ValueParsers.SocketPath(path, out string problem) ?? throw section.Error("path", problem),
            Mode = ReadMode(section) ?? HttpListenOptions.DefaultMode,
            Owner = section.Text("owner"),
            Group = section.Text("group"),
        };
        section.End();
        return options;
    }

    /// <summary>Reads permission bits.</summary>
    internal static uint? ReadMode(ConfigSection section)
    {
        string? text = section.Text("mode");
        return text is null ? null : ValueParsers.Mode(text, out string problem) ?? throw section.Error("mode", problem);
    }

    private static DescriptorOptions ReadDescriptors(ConfigSection section)
    {
        var options = new DescriptorOptions { Reserve = section.Int("reserve", DescriptorOptions.ReserveMin, int.MaxValue) ?? DescriptorReserve.Default };
        section.End();
        return options.Reserve <= DescriptorReserve.Limit / 2
            ? options
            : throw section.Error(
                "reserve",
                $"{options.Reserve} is more than half of the {DescriptorReserve.Limit} descriptors that this process may have; give less, or raise the " +
                    "limit (LimitNOFILE= of the unit, ulimit -n)");
    }

    private static MetricsOptions ReadMetrics(ConfigSection section)
    {
        string? prometheus = section.Text("prometheus");
        var options = new MetricsOptions
        {
            Prometheus = prometheus is null ? null : ValueParsers.Listen(prometheus, out string problem) ?? throw section.Error("prometheus", problem),
            Otlp = section.Section("otlp") is { } otlp ? ReadOtlp(otlp) : null,
        };
        section.End();
        return options;
    }

    private static OtlpOptions ReadOtlp(ConfigSection section)
    {
        string text = section.RequiredText("endpoint", "the collector's address, for example http://127.0.0.1:4317");
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? endpoint) || endpoint.Scheme is not ("http" or "https"))
        {
            throw section.Error("endpoint", $"\"{text}\" is no address of a collector; write for example http://127.0.0.1:4317");
        }

        var options = new OtlpOptions(endpoint)
        {
            IsHttp = section.Choice("protocol", "grpc", "http") == "http",
            IntervalSeconds = section.Int("intervalSeconds", 1, 3600) ?? 15,
        };
        section.End();
        return options;
    }

    private static LogOptions ReadLog(ConfigSection section)
    {
        LogOptions defaults = new();
        var sources = new Dictionary<string, LogEventLevel>(StringComparer.Ordinal);
        if (section.Section("sources") is { } list)
        {
            foreach (string source in list.OtherKeys())
            {
                if (list.Choice(source, LogLevels.ByName) is { } level)
                {
                    sources[source] = level;
                }
            }
        }

        var options = new LogOptions
        {
            Level = section.Choice("level", LogLevels.ByName) ?? defaults.Level,
            Sources = sources,
            File = section.Text("file") is { } file ? Path.GetFullPath(file) : null,
            FileMegabytes = section.Int("fileMegabytes", 1, 2047) ?? defaults.FileMegabytes,
            FilesKept = section.Int("filesKept", 1, 1000) ?? defaults.FilesKept,
        };
        section.End();
        return options;
    }

    private static DebugOptions ReadDebug(ConfigSection section)
    {
        var options = new DebugOptions { Stall = section.Switch("stall") ?? false };
        section.End();
        return options;
    }

    // The parser's messages end in a repetition of the position, which the path already says.
    private static string FirstSentence(string message)
    {
        int end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.');
    }
}
