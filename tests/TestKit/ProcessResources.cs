namespace VhostNet.TestKit;

/// <summary>What this process holds, as the kernel sees it: descriptors by what they are, and mappings of memory files.</summary>
public sealed class ProcessResources
{
    private readonly SortedDictionary<string, int> _descriptors = new(StringComparer.Ordinal);

    private ProcessResources()
    {
        var pipes = new Dictionary<string, int>();
        foreach (string entry in Directory.GetFileSystemEntries("/proc/self/fd"))
        {
            string? target = null;
            try
            {
                FileSystemInfo? file = File.ResolveLinkTarget(entry, false);

                // The C library counts processors when a thread makes a heap of its own, and a thread without a processor keeps that file open for long.
                target = file is null || file.FullName.StartsWith("/sys/devices/system/cpu/", StringComparison.Ordinal) ? null : file.Name;
            }
            catch (IOException)
            {
                // The descriptor through which the directory was read is gone again.
            }

            // The runtime opens its source of random numbers, and each assembly, when it first needs them, and keeps them.
            if (target is not null && target != "urandom" && target != "fd" && !target.EndsWith(".dll", StringComparison.Ordinal))
            {
                if (target.StartsWith("pipe:", StringComparison.Ordinal))
                {
                    pipes[target] = pipes.GetValueOrDefault(target) + 1;
                    continue;
                }

                string kind = target.Split('[')[target.Contains("anon", StringComparison.Ordinal) ? 1 : 0];
                _descriptors[kind] = _descriptors.GetValueOrDefault(kind) + 1;
            }
        }

        // The runtime makes a pipe for itself, both ends of it, with each thread that it starts, and it starts some when it likes. A peer's pipe that was
        // forgotten here is one end, since the peer has closed its own.
        _descriptors["pipe"] = pipes.Values.Count(ends => ends != 2);
        Mappings = File.ReadLines("/proc/self/maps")
            .Count(l => l.Contains("/memfd:", StringComparison.Ordinal) && !l.Contains("doublemapper", StringComparison.Ordinal));
    }

    /// <summary>Open descriptors.</summary>
    public int Descriptors => _descriptors.Values.Sum();

    /// <summary>Mappings of files made for guest memory, logs and in-flight areas.</summary>
    public int Mappings { get; }

    /// <summary>Counts now.</summary>
    public static ProcessResources Count() => new();

    /// <summary>What is held more or less than before; empty when nothing is.</summary>
    public string Compare(ProcessResources before)
    {
        ArgumentNullException.ThrowIfNull(before);
        var differences = _descriptors.Keys.Union(before._descriptors.Keys)
            .Select(k => (Kind: k, Difference: _descriptors.GetValueOrDefault(k) - before._descriptors.GetValueOrDefault(k)))
            .Where(d => d.Difference != 0)
            .Select(d => $"{d.Difference:+#;-#} {d.Kind}")
            .ToList();
        if (Mappings != before.Mappings)
        {
            differences.Add($"{Mappings - before.Mappings:+#;-#} mappings");
        }

        return string.Join(", ", differences);
    }
}
