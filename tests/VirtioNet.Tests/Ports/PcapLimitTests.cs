using VhostNet.TestKit;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Tests.TestKit;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>A capture file's limit in bytes is what it may hold, to the last one.</summary>
public sealed class PcapLimitTests
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(300)]
    public async Task AFileIsFilledToItsLimit(int records)
    {
        const int length = 100;
        long limit = FileHeader + ((long)records * (RecordHeader + length));
        using var directory = new TestDirectory();
        using var memory = new BurstMemory();
        using var file = new PcapFile(directory.File("full.pcap"), new PcapFileOptions { SizeLimit = limit });
        for (int i = 0; i < records; i++)
        {
            memory.Clear();
            memory.Add(default, new byte[length]);
            file.Record(memory.Burst, memory.Burst.AllFrames);
        }

        file.Close();
        await file.Completion;
        Assert.Equal((records, 0, limit, null), (file.Recorded, file.Dropped, file.Size, file.Failure));
        Assert.Equal(limit, new FileInfo(file.Path).Length);
    }
}
