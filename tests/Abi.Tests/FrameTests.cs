namespace VhostNet.Abi.Tests;

public sealed class FrameTests
{
    [Fact]
    public void ErrnoConstantsAreTheKernels() => Assert.Equal(4, EINTR);
}
