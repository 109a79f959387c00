using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// The configuration file as it was when it was last read or written, as far as it has been carried out. What is compared with the file is this, and not what
/// runs:
/// changes over the control API that were not persisted outlive a SIGHUP that has another reason. Any thread.
/// </summary>
internal sealed class ReadFile
{
    private readonly Lock _lock = new();
    private readonly Dictionary<string, ReadItem> _items;
    private DaemonOptions _options;

    /// <summary>Begins with what the daemon was started with.</summary>
    public ReadFile(DaemonOptions options)
    {
        _options = options;
        _items = Items(options).ToDictionary(i => i.Item, StringComparer.Ordinal);
    }

    /// <summary>Begins with what this process was started with, and with ports and networks as the process before it had read them.</summary>
    public ReadFile(DaemonOptions options, IEnumerable<ReadItem> before)
        : this(options with { Ports = [], Networks = [] })
    {
        foreach (ReadItem item in before)
        {
            _items[item.Item] = item;
        }
    }

    /// <summary>Absolute path of the file, or null when the daemon runs without one.</summary>
    public string? Path => Options.File;

    /// <summary>The values outside the lists.</summary>
    public DaemonOptions Options
    {
        get
        {
            lock (_lock)
            {
                return _options;
            }
        }

        set
        {
            lock (_lock)
            {
                _options = value;
            }
        }
    }

    /// <summary>The items.</summary>
    public IReadOnlyDictionary<string, ReadItem> Known
    {
        get
        {
            lock (_lock)
            {
                return new Dictionary<string, ReadItem>(_items, StringComparer.Ordinal);
            }
        }
    }

    /// <summary>The ports, networks and threads of a configuration.</summary>
    public static IEnumerable<ReadItem> Items(DaemonOptions options) =>
    [
        .. Items("networks", options.Networks),
        .. Items("ports", options.Ports),
        .. Items("threads", options.Threads),
    ];

    /// <summary>An item has been carried out, or written to the file.</summary>
    public void Carried(ConfigEdit edit)
    {
        string item = $"{edit.List}.{edit.Name}";
        lock (_lock)
        {
            if (edit.Value is { } value)
            {
                _items[item] = new ReadItem(edit.List, edit.Name, value);
            }
            else
            {
                _items.Remove(item);
            }
        }
    }

    private static IEnumerable<ReadItem> Items(string list, IEnumerable<IConfigItem> items) =>
        items.Where(i => i.Source is not null).Select(i => new ReadItem(list, i.Name, i.Source!.Value));
}
