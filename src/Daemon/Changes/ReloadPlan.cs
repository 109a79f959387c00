using System.Text.Json;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>What has to be done when a configuration file has become another one. Pure.</summary>
internal sealed class ReloadPlan
{
    private static readonly Dictionary<string, IReadOnlyList<string>> s_liveKeys = new(StringComparer.Ordinal)
    {
        ["ports"] = PortReader.LiveKeys,
        ["networks"] = NetworkChanges.LiveKeys,
        ["threads"] = ThreadChanges.LiveKeys,
    };

    private readonly List<ReloadStep> _removed = [];
    private readonly List<ReloadStep> _first = [];
    private readonly List<ReloadStep> _changed = [];
    private readonly List<ReloadStep> _added = [];
    private readonly List<ReloadStep> _last = [];
    private readonly List<string> _fixed = [];

    /// <summary>Compares.</summary>
    /// <param name="before">The file as far as it has been carried out.</param>
    /// <param name="file">The file as it is now, which is correct.</param>
    public ReloadPlan(ReadFile before, DaemonOptions file)
    {
        IReadOnlyDictionary<string, ReadItem> known = before.Known;
        var now = ReadFile.Items(file).ToDictionary(i => i.Item, StringComparer.Ordinal);
        foreach (ReadItem item in known.Values.Where(i => !now.ContainsKey(i.Item)))
        {
            Remove(item);
        }

        foreach (ReadItem item in now.Values)
        {
            if (!known.TryGetValue(item.Item, out ReadItem? old))
            {
                Add(item);
            }
            else if (!JsonElement.DeepEquals(old.Value, item.Value))
            {
                Change(old, item);
            }
        }

        CompareRest(before.Options, file);
    }

    /// <summary>The changes, in an order in which most of them fit; one that does not may fit after others.</summary>
    public IReadOnlyList<ReloadStep> Steps => [.. _first, .. _removed, .. _changed, .. _added, .. _last];

    /// <summary>What differs and can't be changed while the daemon runs, as in <c>ports.vm0.queuePairs</c>.</summary>
    public IReadOnlyList<string> Fixed => _fixed;

    private void Remove(ReadItem item)
    {
        var edit = new ConfigEdit(item.List, item.Name, null);
        switch (item.List)
        {
            case "ports":
                _removed.Add(new ReloadStep(item.Item, now => now.Ports.Any(p => p.Name == item.Name) ? PortChanges.Delete(now, item.Name) : null, edit));
                break;
            case "networks":
                _last.Add(new ReloadStep(item.Item, now => now.Networks.Any(n => n.Name == item.Name) ? NetworkChanges.Delete(now, item.Name) : null, edit));
                break;
            default:
                _fixed.Add(item.Item);
                break;
        }
    }

    private void Add(ReadItem item)
    {
        var edit = new ConfigEdit(item.List, item.Name, item.Value);
        switch (item.List)
        {
            case "ports":
                _added.Add(new ReloadStep(item.Item, now => PutPort(now, item), edit));
                break;
            case "networks":
                // The ports that its mirror names come after it.
                JsonElement bare = LiveDocument.WithKeys(item.Value, default, NetworkChanges.LiveKeys);
                _first.Add(new ReloadStep(item.Item, now => now.Networks.Any(n => n.Name == item.Name) ? null : NetworkChanges.Put(now, item.Name, bare), edit with { Value = bare }));
                AddMirror(item, edit);
                break;
            default:
                _fixed.Add(item.Item);
                break;
        }
    }

    private void AddMirror(ReadItem item, ConfigEdit edit)
    {
        if (NetworkChanges.LiveKeys.Any(k => LiveDocument.Find(item.Value, k) is not null))
        {
            _last.Add(new ReloadStep(item.Item, now => NetworkChanges.Put(now, item.Name, item.Value), edit));
        }
    }

    private void Change(ReadItem old, ReadItem item)
    {
        IReadOnlyList<string> live = s_liveKeys[item.List];
        int fixedKeys = _fixed.Count;
        _fixed.AddRange(LiveDocument.DifferentKeys(old.Value, item.Value).Where(k => !live.Contains(k)).Select(k => $"{item.Item}.{k}"));
        if (fixedKeys != _fixed.Count && !LiveDocument.DifferentKeys(old.Value, item.Value).Any(live.Contains))
        {
            return;
        }

        // What can't be changed stays different from the file, and is named the next time too.
        var edit = new ConfigEdit(item.List, item.Name, LiveDocument.WithKeys(old.Value, item.Value, live));
        switch (item.List)
        {
            case "ports":
                _changed.Add(new ReloadStep(item.Item, now => PutPort(now, item), edit));
                break;
            case "networks":
                _last.Insert(0, new ReloadStep(item.Item, now => PutNetwork(now, item), edit));
                break;
            default:
                _changed.Add(new ReloadStep(item.Item, now => PutThread(now, item), edit));
                break;
        }
    }

    private static LiveChange PutPort(DaemonOptions now, ReadItem item)
    {
        JsonElement? runs = now.Ports.FirstOrDefault(p => p.Name == item.Name)?.Source;
        return PortChanges.Put(now, item.Name, runs is null ? item.Value : LiveDocument.WithKeys(runs.Value, item.Value, PortReader.LiveKeys));
    }

    private static LiveChange PutNetwork(DaemonOptions now, ReadItem item)
    {
        JsonElement? runs = now.Networks.FirstOrDefault(n => n.Name == item.Name)?.Source;
        return NetworkChanges.Put(now, item.Name, runs is null ? item.Value : LiveDocument.WithKeys(runs.Value, item.Value, NetworkChanges.LiveKeys));
    }

    private static LiveChange? PutThread(DaemonOptions now, ReadItem item) =>
        now.Threads.FirstOrDefault(t => t.Name == item.Name)?.Source is { } runs
            ? ThreadChanges.Put(now, item.Name, LiveDocument.WithKeys(runs, item.Value, ThreadChanges.LiveKeys))
            : null;

    // The log and the reserve of descriptors are carried out by whoever reads the file.
    private void CompareRest(DaemonOptions before, DaemonOptions file)
    {
        (string Key, bool IsSame)[] rest =
        [
            ("stateDirectory", before.StateDirectory == file.StateDirectory),
            ("control", before.Control == file.Control),
            ("metrics", before.Metrics == file.Metrics),
            ("debug", before.Debug == file.Debug),
        ];
        _fixed.AddRange(rest.Where(r => !r.IsSame).Select(r => r.Key));
    }
}
