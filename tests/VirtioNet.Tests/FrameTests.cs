namespace VhostNet.VirtioNet.Tests;

public sealed class FrameTests
{
    [Fact]
    public void ErrnoConstantsAreTheKernels() => Assert.Equal(4, EINTR);
}
