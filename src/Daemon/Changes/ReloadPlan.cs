using System.Text.Json;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>What has to be done when a configuration file has become another one. Pure.</summary>
internal sealed class ReloadPlan
{
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
        IItemChanges list = ChangeableLists.Of(item.List);
        if (list.IsFixed)
        {
            _fixed.Add(item.Item);
            return;
        }

        // A network goes when the ports that leave it are gone.
        (list == ChangeableLists.Networks ? _last : _removed).Add(new ReloadStep(
            item.Item, now => list.Has(now, item.Name) ? list.Delete(now, item.Name) : null, new ConfigEdit(item.List, item.Name, null)));
    }

    private void Add(ReadItem item)
    {
        IItemChanges list = ChangeableLists.Of(item.List);
        if (list.IsFixed)
        {
            _fixed.Add(item.Item);
        }
        else if (list == ChangeableLists.Networks)
        {
            AddNetwork(item, list);
        }
        else
        {
            _added.Add(new ReloadStep(item.Item, now => Put(list, now, item), new ConfigEdit(item.List, item.Name, item.Value)));
        }
    }

    // First without its mirror: the ports that a mirror names come after the network.
    private void AddNetwork(ReadItem item, IItemChanges list)
    {
        JsonElement bare = LiveDocument.WithKeys(item.Value, default, list.LiveKeys);
        _first.Add(new ReloadStep(
            item.Item, now => list.Has(now, item.Name) ? null : list.Put(now, item.Name, bare), new ConfigEdit(item.List, item.Name, bare)));
        if (list.LiveKeys.Any(k => LiveDocument.Find(item.Value, k) is not null))
        {
            _last.Add(new ReloadStep(item.Item, now => list.Put(now, item.Name, item.Value), new ConfigEdit(item.List, item.Name, item.Value)));
        }
    }

    private void Change(ReadItem old, ReadItem item)
    {
        IItemChanges list = ChangeableLists.Of(item.List);
        IReadOnlyList<string> different = LiveDocument.DifferentKeys(old.Value, item.Value);
        string[] fixedKeys = [.. different.Where(k => !list.LiveKeys.Contains(k))];
        _fixed.AddRange(fixedKeys.Select(k => $"{item.Item}.{k}"));
        if (fixedKeys.Length > 0 && fixedKeys.Length == different.Count)
        {
            return;
        }

        // What can't be changed stays different from the file, and is named the next time too.
        var edit = new ConfigEdit(item.List, item.Name, LiveDocument.WithKeys(old.Value, item.Value, list.LiveKeys));
        var step = new ReloadStep(item.Item, now => Put(list, now, item), edit);
        if (list == ChangeableLists.Networks)
        {
            _last.Insert(0, step);
        }
        else
        {
            _changed.Add(step);
        }
    }

    // What the file has, as far as it can be changed; a thread that no document holds stays as it is.
    private static LiveChange? Put(IItemChanges list, DaemonOptions now, ReadItem item)
    {
        JsonElement? runs = list.SourceOf(now, item.Name);
        return runs is null && list.IsFixed
            ? null
            : list.Put(now, item.Name, runs is null ? item.Value : LiveDocument.WithKeys(runs.Value, item.Value, list.LiveKeys));
    }

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
