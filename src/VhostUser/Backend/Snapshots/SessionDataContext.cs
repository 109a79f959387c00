using System.Text.Json.Serialization;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>Makes the JSON form of <see cref="SessionData"/> without reflection.</summary>
[JsonSerializable(typeof(SessionData))]
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
internal sealed partial class SessionDataContext : JsonSerializerContext;
