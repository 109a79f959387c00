using VhostNet.Aio;

namespace VhostNet.VhostUser.Tests.Transport;

public sealed class SharedNotifierTests
{
    [Fact]
    public void test_regression_a_notifier_that_its_other_owner_makes_block_does_not()
    {
        using FileDescriptor theirs = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
        using var ours = new EventNotifier(theirs.Duplicate());
        Assert.False(ours.TestAndClear());
        ours.Set();
        ours.Set();
        Assert.True(ours.TestAndClear());
        Assert.False(ours.TestAndClear());

        // O_NONBLOCK belongs to the open file, which both share.
        Assert.Equal(0, fcntl(theirs.Value, F_SETFL, 0));
        Assert.False(ours.TestAndClear());
        Assert.Equal(8, write(theirs.Value, 1UL));
        Assert.True(ours.TestAndClear());
    }
}
