using System.Text.Json.Serialization;

namespace VhostNet.Daemon.Handover;

/// <summary>What the control API answers to POST /take-over.</summary>
/// <param name="Socket">Name of the abstract Unix socket at which the daemon waits for its successor.</param>
/// <param name="Error">Why not, instead.</param>
internal sealed record ApproachAnswer(
    [property: JsonPropertyName("socket")] string? Socket,
    [property: JsonPropertyName("error")] string? Error);
