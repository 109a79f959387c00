using System.Globalization;

namespace VhostNet.Abi.Tests;

/// <summary>These bring the process close to its limit of descriptors, so no other test may run beside them.</summary>
[CollectionDefinition(nameof(DescriptorReserveTests), DisableParallelization = true)]
[Collection(nameof(DescriptorReserveTests))]
public sealed class DescriptorReserveTests : IDisposable
{
    private const int Room = 40;
    private const int Reserve = 16;

    private readonly List<int> _taken = [];
    private readonly rlimit _before;

    public DescriptorReserveTests()
    {
        Assert.Equal(0, getrlimit(RLIMIT_NOFILE, ref _before));
        int highest = Directory.GetFileSystemEntries("/proc/self/fd").Max(p => int.Parse(Path.GetFileName(p), CultureInfo.InvariantCulture));
        var near = new rlimit { rlim_cur = (ulong)(highest + 1 + Room), rlim_max = _before.rlim_max };
        Assert.Equal(0, setrlimit(RLIMIT_NOFILE, in near));
        DescriptorReserve.Configure(Reserve);
    }

    public void Dispose()
    {
        _taken.ForEach(fd => _ = close(fd));
        Assert.Equal(0, setrlimit(RLIMIT_NOFILE, in _before));
        DescriptorReserve.Configure(DescriptorReserve.Default);
        Assert.True(DescriptorReserve.HasRoom());
    }

    [Fact]
    public void TheLastDescriptorsAreKeptBack()
    {
        long refused = DescriptorReserve.Refused;
        while (DescriptorReserve.HasRoom())
        {
            Take();
        }

        Assert.Equal(refused + 1, DescriptorReserve.Refused);
        Assert.Equal(DescriptorReserve.Threshold - 1, _taken.Max());
        Assert.Equal(DescriptorReserve.Limit - Reserve, DescriptorReserve.Threshold);

        // The reserve itself is there for whoever does not ask.
        for (int i = 0; i < Reserve; i++)
        {
            Take();
        }

        bool hasRoom = DescriptorReserve.HasRoom();
        Return(Reserve);
        Assert.False(hasRoom);
        Assert.Equal(refused + 2, DescriptorReserve.Refused);
        Return(1);
        Assert.True(DescriptorReserve.HasRoom());
        Assert.Equal(refused + 2, DescriptorReserve.Refused);
    }

    [Fact]
    public void ANumberThatWasGivenOutTellsWhetherTheReserveIsTouched()
    {
        long refused = DescriptorReserve.Refused;
        Assert.True(DescriptorReserve.Admits(DescriptorReserve.Threshold - 1));
        Assert.True(DescriptorReserve.Admits(-1));
        Assert.False(DescriptorReserve.Admits(DescriptorReserve.Threshold));
        Assert.Equal(refused + 1, DescriptorReserve.Refused);
    }

    [Fact]
    public void TheReserveIsHalfOfTheLimitAtMost()
    {
        DescriptorReserve.Configure(int.MaxValue);
        Assert.Equal(DescriptorReserve.Limit / 2, DescriptorReserve.Reserve);
        Assert.Equal(DescriptorReserve.Limit - (DescriptorReserve.Limit / 2), DescriptorReserve.Threshold);
        DescriptorReserve.Configure(0);
        Assert.Equal(DescriptorReserve.Limit, DescriptorReserve.Threshold);
        Assert.Throws<ArgumentOutOfRangeException>(() => DescriptorReserve.Configure(-1));
    }

    [Fact]
    public void AClosedStandardInputIsNoRefusal()
    {
        int copy = fcntl(0, F_DUPFD_CLOEXEC);
        Assert.True(copy > 0);
        try
        {
            Assert.Equal(0, close(0));
            Assert.True(DescriptorReserve.HasRoom());
        }
        finally
        {
            Assert.Equal(0, dup3(copy, 0, 0));
            Assert.Equal(0, close(copy));
        }
    }

    private void Take()
    {
        int fd = eventfd(0, EFD_CLOEXEC);
        Assert.True(fd >= 0);
        _taken.Add(fd);
    }

    private void Return(int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.Equal(0, close(_taken[^1]));
            _taken.RemoveAt(_taken.Count - 1);
        }
    }
}
