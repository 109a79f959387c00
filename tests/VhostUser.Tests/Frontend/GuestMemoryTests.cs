using VhostNet.VhostUser.Frontend;

namespace VhostNet.VhostUser.Tests.Frontend;

public sealed class GuestMemoryTests
{
    [Fact]
    public void TranslatesBetweenItsThreeAddressSpaces()
    {
        using GuestMemory memory = GuestMemory.Create(1 << 20, 0x4000_0000, new GuestRegionOptions { UserAddress = 0x7000_0000_0000, FileOffset = 8192 });
        memory.Write(0x4000_1234, [1, 2, 3]);
        Assert.Equal([1, 2, 3], memory.Bytes(0x4000_1234, 3).ToArray());
        Assert.Equal(0x7000_0000_1234UL, memory.UserAddress(0x4000_1234));
        Assert.Equal(0x4000_1234UL, memory.GuestAddressOf(0x7000_0000_1234));
        Assert.Equal(memory.Regions[0].HostBase + 0x1234, memory.HostAddress(0x4000_1234));
        Assert.True(memory.ToAddressSpace().TryTranslate(0x4000_1234, 3, out nint host));
        Assert.Equal(memory.HostAddress(0x4000_1234), host);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Bytes(0x4000_0000 + (1 << 20) - 1, 2).ToArray());
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.HostAddress(0x3fff_ffff));
    }

    [Fact]
    public void RegionsThatTouchInGuestSpaceNeverTouchHere()
    {
        using var memory = new GuestMemory();
        for (ulong i = 0; i < 8; i++)
        {
            memory.AddRegion(i << 16, 1 << 16);
        }

        nint[] bases = [.. memory.Regions.Select(r => r.HostBase)];
        Assert.All(bases, b => Assert.DoesNotContain(b + (1 << 16), bases));
        byte[] data = new byte[3 << 16];
        Random.Shared.NextBytes(data);
        memory.Write(1000, data);
        byte[] back = new byte[data.Length];
        memory.Read(1000, back);
        Assert.Equal(data, back);
    }

    [Fact]
    public void OverlappingRegionsAreRefused()
    {
        using GuestMemory memory = GuestMemory.Create(1 << 16, 1 << 16);
        Assert.Throws<ArgumentException>(() => memory.AddRegion(0xffff << 0, 1 << 16));
        Assert.Throws<ArgumentException>(() => memory.AddRegion(0x1f000, 1 << 16));
        memory.AddRegion(1 << 17, 1 << 16);
        Assert.Throws<ArgumentException>(() => memory.AddRegion(1 << 20, 100));
    }

    [Theory]
    [InlineData(true, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)]
    [InlineData(false, F_SEAL_SEAL)]
    public void SealsTheFileWhenAsked(bool seal, int expected)
    {
        using GuestMemory memory = GuestMemory.Create(1 << 16, 0, new GuestRegionOptions { Sealed = seal });
        Assert.Equal(expected, fcntl(memory.Regions[0].File.Value, F_GET_SEALS));
    }

    [Fact]
    public void AFileOfADirectoryCanBackARegion()
    {
        using GuestMemory memory = GuestMemory.Create(1 << 16, 0, new GuestRegionOptions { Directory = "/dev/shm" });
        memory.Write(0, [42]);
        Assert.Equal(42, memory.Bytes(0, 1)[0]);
    }

    [Fact]
    public void TheAllocatorGivesDisjointClearedAlignedRangesAndTakesThemBack()
    {
        using GuestMemory memory = GuestMemory.Create(1 << 20, 0x1000);
        memory.Bytes(0x1000, 1 << 20).Fill(0xff);
        var random = new Random(1);
        var taken = new List<(ulong Start, ulong Size)>();
        for (int round = 0; round < 2000; round++)
        {
            if (taken.Count > 0 && random.Next(3) == 0)
            {
                int i = random.Next(taken.Count);
                memory.Bytes(taken[i].Start, (int)taken[i].Size).Fill(0xff);
                memory.Free(taken[i].Start, taken[i].Size);
                taken.RemoveAt(i);
                continue;
            }

            ulong size = (ulong)random.Next(1, 5000), alignment = 1UL << random.Next(13);
            try
            {
                ulong address = memory.Allocate(size, alignment);
                Assert.Equal(0UL, address % alignment);
                Assert.DoesNotContain(taken, t => address < t.Start + t.Size && t.Start < address + size);
                Assert.False(memory.Bytes(address, (int)size).ContainsAnyExcept((byte)0));
                taken.Add((address, size));
            }
            catch (InsufficientMemoryException)
            {
                taken.ForEach(t => memory.Bytes(t.Start, (int)t.Size).Fill(0xff));
                taken.ForEach(t => memory.Free(t.Start, t.Size));
                taken.Clear();
            }
        }

        taken.ForEach(t => memory.Free(t.Start, t.Size));
        Assert.Equal(0x1000UL, memory.Allocate(1 << 20, 4096));
        Assert.Throws<InsufficientMemoryException>(() => memory.Allocate(1));
    }

    [Fact]
    public void FreeingWhatIsFreeIsAnError()
    {
        using GuestMemory memory = GuestMemory.Create(1 << 16);
        ulong address = memory.Allocate(100);
        memory.Free(address, 100);
        Assert.Throws<ArgumentException>(() => memory.Free(address, 100));
    }
}
