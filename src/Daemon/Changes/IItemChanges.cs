using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>
/// Plans changes of one list's items: what a request means for the present configuration, checked like the configuration file. Pure; any thread.
/// </summary>
internal interface IItemChanges
{
    /// <summary>The keys whose values can be changed while an item runs.</summary>
    IReadOnlyList<string> LiveKeys { get; }

    /// <summary>True when the list is made at the start: its items can be changed, but neither added nor removed.</summary>
    bool IsFixed { get; }

    /// <summary>Whether there is an item of a name.</summary>
    bool Has(DaemonOptions now, string name);

    /// <summary>The object that an item was read from; null when there is no such item, or no object.</summary>
    JsonElement? SourceOf(DaemonOptions now, string name);

    /// <summary>An item shall be as an object says: a new one, or one that runs with other values of the keys that can change.</summary>
    /// <exception cref="RefusalException">The object is wrong, or it can't be done as things are.</exception>
    LiveChange Put(DaemonOptions now, string name, JsonElement body);

    /// <summary>Some keys of an item shall have other values, or null for none.</summary>
    /// <exception cref="RefusalException">The request is wrong, there is no such item, or it can't be done as things are.</exception>
    LiveChange Patch(DaemonOptions now, string name, JsonElement patch);

    /// <summary>An item shall be gone. Not for a list that <see cref="IsFixed"/>.</summary>
    /// <exception cref="RefusalException">There is no such item, or something needs it.</exception>
    LiveChange Delete(DaemonOptions now, string name);
}
