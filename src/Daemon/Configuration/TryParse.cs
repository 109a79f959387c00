using System.Diagnostics.CodeAnalysis;

namespace VhostNet.Daemon.Configuration;

/// <summary>Reads a value out of a text, or returns false.</summary>
internal delegate bool TryParse<T>(string text, [MaybeNullWhen(false)] out T value);
