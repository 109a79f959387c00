namespace VhostNet.TestKit;

/// <summary>A peer of the test did not do what the test relies on.</summary>
public sealed class TestPeerException(string message) : Exception(message);
