namespace VhostNet.Fuzz;

/// <summary>A case found something; the message says what.</summary>
internal sealed class FuzzException(string message) : Exception(message);
