using System.Text.Json.Serialization;

namespace VhostNet.Daemon.Handover;

/// <summary>Makes the JSON forms of what two daemons tell each other, without reflection.</summary>
[JsonSerializable(typeof(HandoverState))]
[JsonSerializable(typeof(HelloRecord))]
[JsonSerializable(typeof(ApproachAnswer))]
[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull, RespectNullableAnnotations = true)]
internal sealed partial class HandoverJson : JsonSerializerContext;
