using System.Buffers.Binary;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Ports.Null;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>Captures into a pipe whose reader is slow, stands still or goes: every record that it gets is whole, and every frame is counted as recorded or as dropped.</summary>
public sealed class PcapPipeTests : IDisposable
{
    private const int FileHeader = 24;
    private const int RecordHeader = 16;

    private readonly string _directory = Directory.CreateTempSubdirectory("pipes-").FullName;
    private readonly MemoryStream _read = new();
    private readonly List<int> _lengths = [];

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    /// <summary>The capture ends while its reader stands still, wherever in a burst that is; what the reader finds in the pipe later is a sound capture.</summary>
    [Theory]
    [InlineData(60, 60)]
    [InlineData(1500, 1500)]
    [InlineData(9000, 9000)]
    [InlineData(60000, 60000)]
    [InlineData(60, 65000)]
    public void WhatAStandingReaderFindsLaterIsWhole(int shortest, int longest)
    {
        FileDescriptor reader = Pipe(out string path);
        var file = new PcapFile(path);
        int sent = Send(file, shortest, longest, 4000);

        // The first half of the burst was taken, then nothing.
        Read(reader, 10_000);
        Finish(file);
        ReadAll(reader);
        Assert.Equal(file.Recorded, Parse());
        Assert.Equal(file.Size, _read.Length);
        Assert.Equal(sent, file.Recorded + file.Dropped);
        Assert.InRange(file.Dropped, 1, sent - 1);
        Assert.Contains("took nothing more", file.Failure, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(60, 1500)]
    [InlineData(60, 65000)]
    public void ASlowReaderGetsWholeRecordsAndTheNumberOfTheOthersIsRight(int shortest, int longest)
    {
        FileDescriptor reader = Pipe(out string path);
        var file = new PcapFile(path, new PcapFileOptions { QueueBytes = 1 << 20 });
        int sent = 0;
        long sizeBefore = 0;
        for (int round = 0; round < 200; round++)
        {
            sent += Send(file, shortest, longest, 20);

            // Never a whole number of records.
            Read(reader, 777);
            long size = file.Size;
            Assert.InRange(size, Math.Max(sizeBefore, _read.Length), long.MaxValue);
            sizeBefore = size;
        }

        file.Close();
        while (!file.Completion.IsCompleted)
        {
            Read(reader, 4096);
        }

        ReadAll(reader);
        Assert.Null(file.Failure);
        Assert.Equal(file.Recorded, Parse());
        Assert.Equal(file.Size, _read.Length);
        Assert.Equal(sent, file.Recorded + file.Dropped);
    }

    [Fact]
    public void AReaderThatClosesEndsTheCaptureAndNothingElse()
    {
        FileDescriptor reader = Pipe(out string path);
        var file = new PcapFile(path);
        int sent = Send(file, 60, 65000, 500);
        Read(reader, 10_000);
        reader.Dispose();
        Assert.True(SpinWait.SpinUntil(() => file.Failure is not null, TimeSpan.FromSeconds(20)), "the end is not noticed");
        Assert.Contains("its reader closed it", file.Failure, StringComparison.Ordinal);
        sent += Send(file, 60, 65000, 10);
        Finish(file);
        Assert.Equal(sent, file.Recorded + file.Dropped);
        Assert.Equal(file.Size, FileHeader + Sizes(file.Recorded));
    }

    /// <summary>A frame that is longer than the whole pipe is dropped; what comes after it is not.</summary>
    [Fact]
    public void AFrameLongerThanThePipeIsDropped()
    {
        FileDescriptor reader = Pipe(out string path);
        var file = new PcapFile(path);
        Assert.True(fcntl(reader.Value, F_SETPIPE_SZ, 16384) >= 16384);
        Assert.Equal(16384, fcntl(reader.Value, F_GETPIPE_SZ));
        int sent = Send(file, 60000, 60000, 1);
        sent += Send(file, 100, 100, 3);
        file.Close();
        while (!file.Completion.IsCompleted)
        {
            Read(reader, 4096);
        }

        ReadAll(reader);
        Assert.Equal(3, Parse());
        Assert.Equal((3, 1, 4), (file.Recorded, file.Dropped, sent));
        Assert.Null(file.Failure);
    }

    /// <summary>A disk that is full, or a limit of the process, cuts no record in two either.</summary>
    [Fact]
    public void AFullDiskLeavesWholeRecords()
    {
        using var mount = new TinyDisk(_directory, "disk", "64k");
        string path = Path.Combine(mount.Path, "full.pcap");
        var file = new PcapFile(path);
        int sent = Send(file, 700, 9000, 100);
        Finish(file);
        Assert.Contains("the disk is full", file.Failure, StringComparison.Ordinal);
        _read.Write(File.ReadAllBytes(path));
        Assert.Equal(file.Recorded, Parse());
        Assert.Equal(file.Size, _read.Length);
        Assert.Equal(sent, file.Recorded + file.Dropped);
    }

    private long Sizes(long records) => _lengths.Take((int)records).Sum(l => (long)l + RecordHeader);

    private int Send(PcapFile file, int shortest, int longest, int count)
    {
        using var sink = new NullPort("null") { Capture = file };
        using CollectorPort sender = CollectorPort.Join(sink);
        var random = new Random(_lengths.Count);
        for (int i = 0; i < count; i++)
        {
            int length = random.Next(shortest, longest + 1);
            sender.Send([Frame(length)]);
            _lengths.Add(length);
        }

        sink.Capture = null;
        return count;
    }

    /// <summary>A frame whose bytes follow from its length.</summary>
    private static byte[] Frame(int length)
    {
        byte[] frame = new byte[length];
        for (int i = 0; i < length; i++)
        {
            frame[i] = (byte)(length + i);
        }

        return frame;
    }

    private FileDescriptor Pipe(out string path)
    {
        path = Path.Combine(_directory, "pipe");
        using var made = System.Diagnostics.Process.Start("mkfifo", path);
        made.WaitForExit();
        return FileDescriptor.FromResult(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), "open of a pipe");
    }

    private void Read(FileDescriptor reader, int most)
    {
        byte[] buffer = new byte[most];
        nint n = read(reader.Value, buffer);
        if (n > 0)
        {
            _read.Write(buffer.AsSpan(0, (int)n));
        }
    }

    private void ReadAll(FileDescriptor reader)
    {
        long before;
        do
        {
            before = _read.Length;
            Read(reader, 65536);
        }
        while (_read.Length > before);
        reader.Dispose();
    }

    private static void Finish(PcapFile file)
    {
        file.Close();
        Assert.True(file.Completion.Wait(TimeSpan.FromSeconds(20)), "the file was not closed");
    }

    /// <summary>Takes what was read apart; every byte of it belongs to a whole record.</summary>
    private long Parse()
    {
        ReadOnlySpan<byte> rest = _read.ToArray().AsSpan(FileHeader);
        long records = 0;
        for (; !rest.IsEmpty; records++)
        {
            Assert.True(rest.Length >= RecordHeader, $"{rest.Length} bytes of a record's header");
            int kept = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]);
            int length = (int)BinaryPrimitives.ReadUInt32LittleEndian(rest[12..]);
            Assert.Equal(length, kept);
            rest = rest[RecordHeader..];
            Assert.True(rest.Length >= kept, $"{rest.Length} of a record's {kept} bytes");
            Assert.True(rest[..kept].SequenceEqual(Frame(length)), $"record {records} of {length} bytes");
            rest = rest[kept..];
        }

        return records;
    }

    /// <summary>A file system with room for little.</summary>
    private sealed class TinyDisk : IDisposable
    {
        public TinyDisk(string directory, string name, string size)
        {
            Path = System.IO.Path.Combine(directory, name);
            Directory.CreateDirectory(Path);
            Run("mount", $"-t tmpfs -o size={size} none {Path}");
        }

        public string Path { get; }

        public void Dispose() => Run("umount", Path);

        private static void Run(string program, string arguments)
        {
            using var process = System.Diagnostics.Process.Start(program, arguments);
            process.WaitForExit();
            Assert.Equal(0, process.ExitCode);
        }
    }
}
