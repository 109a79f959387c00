namespace VhostNet.Aio.Tests;

/// <summary>A notifier of a stranger is set on the thread that must not wait for one without a write that could.</summary>
[Collection(nameof(Alone))]
public sealed class EventFdSignalTests
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void AnEventFdIsSetWithAndWithoutTheKernelsHelp(bool unavailable)
    {
        Assert.True(EventFdSignal.IsDirect, "this kernel has no asynchronous I/O, so only the other way can be tested here");
        EventFdSignal.IsUnavailable = unavailable;
        try
        {
            using FileDescriptor fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
            for (int i = 0; i < 1000; i++)
            {
                EventFdSignal.Set(fd);
            }

            Assert.True(EventFdSignal.Drain(s_limit));
            Assert.Equal(8, read(fd.Value, out ulong value));

            // The thread of the other way may be behind; then one of many is as good as all.
            Assert.InRange(value, unavailable ? 1UL : 1000UL, 1000UL);
        }
        finally
        {
            EventFdSignal.IsUnavailable = false;
        }
    }

    [Fact]
    public void AFullCounterThatMakesWritersWaitIsAsGoodAsASetOne()
    {
        using FileDescriptor fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        Assert.Equal(8, write(fd.Value, ulong.MaxValue - 1));
        for (int i = 0; i < 1000; i++)
        {
            EventFdSignal.Set(fd);
        }

        Assert.Equal(8, read(fd.Value, out ulong value));
        Assert.Equal(ulong.MaxValue, value);
    }

    [Fact]
    public void OnTheControlThreadANotifierOfAStrangerIsNeverWritten()
    {
        using AioContext context = new();
        context.BindToCurrentThread();
        FileDescriptor fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC), "eventfd");
        using var notifier = new EventNotifier(fd, context);
        Assert.Equal(8, write(fd.Value, ulong.MaxValue - 1));
        Assert.Equal(0, fcntl(fd.Value, F_SETFL, 0));
        notifier.Set();
        Assert.True(notifier.TestAndClear());
        notifier.Set();
        Assert.True(notifier.TestAndClear());
        notifier.Dispose();
        notifier.Set();
    }

    [Fact]
    public void SomethingElseThanAnEventFdIsLeftAlone()
    {
        Assert.Equal(0, pipe2(out int reader, out int writer, O_CLOEXEC));
        using var readEnd = new FileDescriptor(reader);
        using var writeEnd = new FileDescriptor(writer);
        EventFdSignal.Set(writeEnd);
        Span<pollfd> set = [new pollfd { fd = reader, events = POLLIN }];
        Assert.Equal(0, poll(set, 0));
    }
}
