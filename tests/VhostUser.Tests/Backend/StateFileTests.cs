using VhostNet.VhostUser.Backend.State;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Files that front ends make this process write are written by a thread of their own, seldom, and as a whole.</summary>
[Collection(Alone.Name)]
public sealed class StateFileTests : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("vhostnet-test-");

    private string FilePath => Path.Combine(_directory.FullName, "a.features");

    public void Dispose() => _directory.Delete(recursive: true);

    [Fact]
    public void OfManyValuesTheLatestIsWrittenOnce()
    {
        var writer = new StateFileWriter(TimeSpan.FromHours(1));
        writer.Write(FilePath, "first", null);
        Assert.True(writer.Flush(s_limit));
        for (int i = 0; i < 10_000; i++)
        {
            writer.Write(FilePath, $"{i}", null);
        }

        Assert.Equal("9999", writer.FindPending(FilePath));
        Assert.Equal("first", File.ReadAllText(FilePath));
        Assert.True(writer.Flush(s_limit));
        Assert.Equal("9999", File.ReadAllText(FilePath));
        Assert.Equal(2, writer.Writes);
        Assert.Null(writer.FindPending(FilePath));
        Assert.Equal([FilePath], Directory.GetFiles(_directory.FullName));
    }

    [Fact]
    public void AFullDiskLeavesTheOldFileAndNoOther()
    {
        File.WriteAllText(FilePath, "old");
        File.CreateSymbolicLink(FilePath + ".new", "/dev/full");
        var writer = new StateFileWriter(TimeSpan.Zero);
        var failures = new List<string>();
        writer.Write(FilePath, "new", failures.Add);
        Assert.True(writer.Flush(s_limit));
        writer.Write(FilePath, "newer", failures.Add);
        Assert.True(writer.Flush(s_limit));
        Assert.Equal("newer", File.ReadAllText(FilePath));
        Assert.Equal([FilePath], Directory.GetFiles(_directory.FullName));
        Assert.Contains("could not be written", Assert.Single(failures), StringComparison.Ordinal);
    }

    [Fact]
    public void AStoreRemembersWithoutWaitingForTheDisk()
    {
        var writer = new StateFileWriter(TimeSpan.FromHours(1));
        var store = new OfferedFeatureStore(FilePath, writer);
        Assert.Equal(0xffUL, store.Offer(0xff, out string? warning));
        Assert.Null(warning);
        for (ulong i = 0; i < 1000; i++)
        {
            store.Acknowledged(i);
        }

        // The next one finds what is not on the disk yet.
        var next = new OfferedFeatureStore(FilePath, writer);
        Assert.Equal(0xffUL, next.Offer(0xfff, out _));
        Assert.Equal(0xfUL, next.Offer(0xf, out warning));
        Assert.Contains("0x3e0", warning, StringComparison.Ordinal);
        Assert.True(writer.Flush(s_limit));
        Assert.Equal("offered=0xff\nacknowledged=0x3e7\n", File.ReadAllText(FilePath));
        Assert.InRange(writer.Writes, 1, 3);
    }

    [Fact]
    public void AFileThatIsNotReadInTimeIsNotWrittenOver()
    {
        // A FIFO takes as long to open as nobody writes to it.
        using var fifo = System.Diagnostics.Process.Start("mkfifo", FilePath);
        fifo.WaitForExit();
        var writer = new StateFileWriter(TimeSpan.Zero);
        var store = new OfferedFeatureStore(FilePath, writer);
        Assert.Equal(0xffUL, store.Offer(0xff, out string? warning));
        Assert.Contains("was not read in 100 ms", warning, StringComparison.Ordinal);
        store.Acknowledged(1);
        Assert.Null(writer.FindPending(FilePath));
        Assert.Equal(0, writer.Writes);

        File.WriteAllText(FilePath, "offered=0xf\nacknowledged=0x3\n");
        Assert.True(store.WaitUntilRead(s_limit));
        Assert.Equal(0xfUL, store.Offer(0xff, out warning));
        Assert.Null(warning);
    }
}
