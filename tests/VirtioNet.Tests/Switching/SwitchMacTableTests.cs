using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.VirtioNet.Tests.Switching;

public sealed class SwitchMacTableTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(8192)]
    public void HoldsWhatItIsMadeFor(int capacity)
    {
        using var table = new SwitchMacTable(capacity, 2);
        for (int i = 0; i < capacity; i++)
        {
            Assert.True(table.Learn(i % 3, 0x0200_0000_0000 + (ulong)i, i % 2, 0, int.MaxValue));
        }

        Assert.Equal(capacity, table.Count);
        for (int i = 0; i < capacity; i++)
        {
            Assert.Equal(i % 2, table.Find(i % 3, 0x0200_0000_0000 + (ulong)i));
            Assert.Equal(-1, table.Find(5, 0x0200_0000_0000 + (ulong)i));
        }

        Assert.True(table.Learn(0, 0x0300_0000_0000, 0, 0, int.MaxValue));
        Assert.Equal(-1, table.Find(0, 0x0300_0000_0000));
        Assert.Equal(1, table.Refused);
        table.FlushLearned();
        Assert.Equal(0, table.Count);
        Assert.Equal((0, 0), (table.CountOf(0), table.CountOf(1)));
    }

    [Fact]
    public void VersionsChangeWhenSomethingMovesOrGoes()
    {
        using var table = new SwitchMacTable(16, 4);
        int version = table.Version;
        table.Learn(0, 2, 1, 0, 9);
        table.Learn(0, 2, 1, 5, 9);
        Assert.Equal(version, table.Version);
        table.Learn(0, 2, 3, 5, 9);
        Assert.NotEqual(version, table.Version);
        Assert.Equal((0, 1), (table.CountOf(1), table.CountOf(3)));
        version = table.Version;
        table.Age(5);
        Assert.Equal(3, table.Find(0, 2));
        table.Age(6);
        Assert.Equal(-1, table.Find(0, 2));
        Assert.NotEqual(version, table.Version);
    }

    /// <summary>Ports that fill the table leave the others their few addresses.</summary>
    [Fact]
    public void AFloodOfAddressesLeavesRoomForOtherPorts()
    {
        using var table = new SwitchMacTable(1024, 16);
        table.ReserveFor(16);
        for (int i = 0; i < 4000; i++)
        {
            table.Learn(0, 0x0200_0000_0000 + (ulong)i, i % 4, 0, 1024);
        }

        Assert.Equal(1024 - (16 * 8), table.Count);
        for (int i = 0; i < 12 * 20; i++)
        {
            table.Learn(0, 0x0300_0000_0000 + (ulong)i, 4 + (i % 12), 0, 1024);
        }

        Assert.All(Enumerable.Range(4, 12), p => Assert.Equal(8, table.CountOf(p)));
        Assert.Equal(5, table.Find(0, 0x0300_0000_0001));
        table.ReserveFor(1024);
        table.FlushLearned();
        for (int i = 0; i < 4000; i++)
        {
            table.Learn(0, 0x0200_0000_0000 + (ulong)i, 0, 0, 1024);
        }

        Assert.Equal(768, table.Count);
    }
}
