namespace VhostNet.Mutation;

/// <summary>The run can't be done; the message says why.</summary>
internal sealed class MutationException(string message) : Exception(message);
