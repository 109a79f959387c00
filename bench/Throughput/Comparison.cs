namespace VhostNet.Throughput;

/// <summary>Two back ends whose rates are set against each other.</summary>
/// <param name="Of">The one whose rate is divided.</param>
/// <param name="To">The one by whose rate it is divided.</param>
/// <param name="Target">The ratio that is to be reached; null if there is none.</param>
internal sealed record Comparison(string Of, string To, double? Target);
