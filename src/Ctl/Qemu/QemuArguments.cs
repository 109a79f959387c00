namespace VhostNet.Ctl.Qemu;

/// <summary>QEMU's command line as it was given: what matters for a card of vhost-user is looked up in it, nothing is changed.</summary>
/// <param name="arguments">The arguments behind the program's name.</param>
internal sealed class QemuArguments(IReadOnlyList<string> arguments)
{
    /// <summary>The values of an option, in order; QEMU takes one hyphen or two.</summary>
    public IEnumerable<string> Values(params string[] names)
    {
        for (int i = 0; i + 1 < arguments.Count; i++)
        {
            string argument = arguments[i];
            if (argument.StartsWith('-') && names.Contains(argument.TrimStart('-'), StringComparer.Ordinal))
            {
                yield return arguments[i + 1];
            }
        }
    }

    /// <summary>The value of a key in <c>first,key=value,…</c>; null when it has none.</summary>
    public static string? Key(string value, string key)
    {
        foreach (string part in value.Split(','))
        {
            if (part.StartsWith(key + "=", StringComparison.Ordinal))
            {
                return part[(key.Length + 1)..];
            }
        }

        return null;
    }

    /// <summary>What stands in front of the first comma.</summary>
    public static string First(string value) => value.Split(',')[0];

    /// <summary>The size of memory as <c>-m</c> has it, in QEMU's spelling with a unit.</summary>
    public string MemorySize
    {
        get
        {
            string? given = Values("m").LastOrDefault();
            string size = given is null ? "128" : Key(given, "size") ?? First(given);
            return char.IsAsciiDigit(size[^1]) ? size + "M" : size;
        }
    }

    /// <summary>The memory backend that the guest's memory is in; null when QEMU makes one that it keeps to itself.</summary>
    public string? MemoryBackend =>
        Values("machine", "M").Select(m => Key(m, "memory-backend")).LastOrDefault(b => b is not null)
        ?? Values("numa").Select(n => Key(n, "memdev")).LastOrDefault(b => b is not null);

    /// <summary>Whether the guest runs in QEMU's own processor.</summary>
    public bool IsTcg
    {
        get
        {
            string? accelerator = Values("accel").FirstOrDefault() ?? Values("machine", "M").Select(m => Key(m, "accel")).FirstOrDefault(a => a is not null);
            bool kvm = accelerator?.StartsWith("kvm", StringComparison.Ordinal) == true || arguments.Any(a => a is "-enable-kvm" or "--enable-kvm");
            return !kvm;
        }
    }

    /// <summary>The kind of machine, or an empty text for QEMU's default.</summary>
    public string Machine => Values("machine", "M").Select(First).FirstOrDefault(m => !m.Contains('=', StringComparison.Ordinal)) ?? string.Empty;

    /// <summary>The description of an object by its id; null when there is none.</summary>
    public string? Object(string id) => Values("object").FirstOrDefault(o => Key(o, "id") == id);

    /// <summary>The device that uses a netdev; null when none does.</summary>
    public string? DeviceOf(string netdev) => Values("device").FirstOrDefault(d => Key(d, "netdev") == netdev);

    /// <summary>Whether an id is taken by a chardev, a netdev or an object.</summary>
    public bool HasId(string id) => Values("chardev", "netdev", "object", "device").Any(v => Key(v, "id") == id);
}
