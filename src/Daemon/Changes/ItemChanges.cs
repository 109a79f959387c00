using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>What planning a change has in common for ports, networks and threads; the hooks below are what differs. Pure; any thread.</summary>
/// <typeparam name="TItem">The options of an item.</typeparam>
/// <param name="list">The list's key in the configuration, such as <c>ports</c>.</param>
/// <param name="noun">What one of its items is called in messages.</param>
/// <param name="liveKeys">The keys whose values can be changed while an item runs.</param>
internal abstract class ItemChanges<TItem>(string list, string noun, IReadOnlyList<string> liveKeys) : IItemChanges
    where TItem : class, IConfigItem
{
    /// <inheritdoc/>
    public IReadOnlyList<string> LiveKeys { get; } = liveKeys;

    /// <inheritdoc/>
    public virtual bool IsFixed => false;

    /// <inheritdoc/>
    public bool Has(DaemonOptions now, string name) => Find(now, name) is not null;

    /// <inheritdoc/>
    public JsonElement? SourceOf(DaemonOptions now, string name) => Find(now, name)?.Source;

    /// <inheritdoc/>
    public LiveChange Put(DaemonOptions now, string name, JsonElement body)
    {
        JsonElement named = LiveDocument.Named(body, name, PathOf(name));
        if (IsFixed || Has(now, name))
        {
            return Change(now, Existing(now, name), named);
        }

        TItem item = ReadNew(named, PathOf(name));
        DaemonOptions after = LiveChange.Checked(With(now, [.. Items(now), item]));
        return new LiveChange(composition => Add(composition, item, after), new ConfigEdit(list, name, named)) { IsAddition = true };
    }

    /// <inheritdoc/>
    public LiveChange Patch(DaemonOptions now, string name, JsonElement patch)
    {
        TItem before = Existing(now, name);
        LiveDocument.CheckSame(patch, "name", name, PathOf(name));
        return Change(now, before, LiveDocument.Merge(Document(before), patch));
    }

    /// <inheritdoc/>
    public LiveChange Delete(DaemonOptions now, string name)
    {
        TItem item = Existing(now, name);
        CheckUnused(now, name);
        DaemonOptions after = LiveChange.Checked(With(now, [.. Items(now).Where(i => i != item)]));
        return new LiveChange(composition => Remove(composition, name, after), new ConfigEdit(list, name, null));
    }

    /// <summary>The list.</summary>
    protected abstract IReadOnlyList<TItem> Items(DaemonOptions options);

    /// <summary>A configuration with another list in the place of this one.</summary>
    protected abstract DaemonOptions With(DaemonOptions options, IReadOnlyList<TItem> items);

    /// <summary>The object that stands for an item, also for one that no document holds.</summary>
    protected abstract JsonElement Document(TItem item);

    /// <summary>Reads an object that stands for a new item.</summary>
    /// <exception cref="ConfigException">It is wrong.</exception>
    protected abstract TItem ReadNew(JsonElement json, string path);

    /// <summary>Reads an object that stands for an item which runs, and refuses changes of keys that can't change.</summary>
    /// <exception cref="RefusalException">It is wrong, or changes what can't change.</exception>
    protected abstract TItem ReadChanged(TItem before, JsonElement json, string path);

    /// <summary>Makes a new item, or throws and nothing has changed. Control thread.</summary>
    protected virtual void Add(Composition composition, TItem item, DaemonOptions after) => throw new NotSupportedException($"a {noun} can't be added");

    /// <summary>Changes an item, or throws and nothing has changed. Control thread.</summary>
    protected abstract void Apply(Composition composition, TItem item, DaemonOptions after);

    /// <summary>Removes an item. Control thread.</summary>
    protected virtual void Remove(Composition composition, string name, DaemonOptions after) => throw new NotSupportedException($"a {noun} can't be removed");

    /// <summary>Looks whether anything needs an item that shall be gone.</summary>
    /// <exception cref="RefusalException">Something does.</exception>
    protected virtual void CheckUnused(DaemonOptions now, string name)
    {
    }

    /// <summary>Refuses a change of keys that only a new item can have.</summary>
    protected void CheckFixed(TItem before, JsonElement json, string path) =>
        LiveDocument.CheckFixed(Document(before), json, LiveKeys, path, $"/{list}/{before.Name}");

    private LiveChange Change(DaemonOptions now, TItem before, JsonElement json)
    {
        TItem item = ReadChanged(before, json, PathOf(before.Name));
        DaemonOptions after = LiveChange.Checked(With(now, [.. Items(now).Select(i => i == before ? item : i)]));
        return new LiveChange(composition => Apply(composition, item, after), new ConfigEdit(list, before.Name, json));
    }

    private string PathOf(string name) => $"{list}.{name}";

    private TItem? Find(DaemonOptions now, string name) => Items(now).FirstOrDefault(i => i.Name == name);

    private TItem Existing(DaemonOptions now, string name) => Find(now, name) ?? throw ItemNotFound.Of(noun, name, Items(now).Select(i => i.Name));
}
