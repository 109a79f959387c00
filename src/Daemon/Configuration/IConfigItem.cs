using System.Text.Json;

namespace VhostNet.Daemon.Configuration;

/// <summary>One element of a list of the configuration: a thread, a network or a port.</summary>
internal interface IConfigItem
{
    /// <summary>Its name, unique in its list.</summary>
    string Name { get; }

    /// <summary>The configuration's object; null when no document holds it.</summary>
    JsonElement? Source { get; }
}
