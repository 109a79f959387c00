using System.Diagnostics;
using System.Globalization;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Captures;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Generator;
using VhostNet.VirtioNet.Ports.Null;
using VhostNet.VirtioNet.Ports.Pcap;
using VhostNet.VirtioNet.Ports.Responder;

namespace VhostNet.VirtioNet.Tests.Ports;

public sealed class PcapTests : IDisposable
{
    private readonly TestLoop _loop = new();
    private readonly string _directory = Directory.CreateTempSubdirectory("pcap-").FullName;

    public void Dispose()
    {
        _loop.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    [Fact]
    public void TsharkReadsWhatWasRecorded()
    {
        string path = Path.Combine(_directory, "a.pcap");
        long before = AioClock.Realtime.NowNs;
        var file = new PcapFile(path, new PcapFileOptions { SnapLength = 200 });
        using CollectorPort sender = Sender(file, out NullPort sink);
        sender.Send([Ping(64), Ping(1000)], piece: 50);
        sender.Send([Ping(100)]);
        Assert.Equal(3, file.Recorded);
        sink.Dispose();
        Finish(file);

        string[] lines = Tshark(path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "frame.cap_len", "-e", "ip.dst", "-e", "icmp.type");
        Assert.Equal(3, lines.Length);
        string[][] fields = [.. lines.Select(l => l.Split('\t'))];
        Assert.Equal(["106", "1042", "142"], fields.Select(f => f[1]));
        Assert.Equal(["106", "200", "142"], fields.Select(f => f[2]));
        Assert.All(fields, f => Assert.Equal("10.0.2.2", f[3]));
        Assert.All(fields, f => Assert.Equal("8", f[4]));
        decimal time = decimal.Parse(fields[0][0], CultureInfo.InvariantCulture) * 1_000_000_000;
        Assert.InRange((long)time, before, AioClock.Realtime.NowNs);
        Assert.NotEqual(0, (long)time % 1000);
    }

    [Fact]
    public void APortIsCapturedWhileItRuns()
    {
        string path = Path.Combine(_directory, "live.pcap");
        using var responder = new ResponderPort("responder", new ResponderOptions(), _loop.Context);
        using CollectorPort guest = CollectorPort.Join(responder);
        guest.Send([Ping(60)]);
        _loop.Drain();
        using var file = new PcapFile(path);
        responder.Capture = file;
        guest.Send([Ping(61)]);
        _loop.Drain();
        responder.Capture = null;
        guest.Send([Ping(62)]);
        _loop.Drain();
        Assert.Equal(3, guest.Frames.Count);
        Finish(file);

        // The question as it went out by the port, and the answer as it came in.
        Assert.Equal(["8\t103", "0\t103"], Tshark(path, "-T", "fields", "-e", "icmp.type", "-e", "frame.len"));
    }

    [Fact]
    public void WhatIsHeldBackIsRecordedOnce()
    {
        string path = Path.Combine(_directory, "once.pcap");
        using var generator = new GeneratorPort("gen", new GeneratorOptions { Count = 1000 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(generator);
        using var file = new PcapFile(path);
        generator.Capture = file;
        receiver.Room = 10;
        generator.Start();
        while (receiver.Frames.Count < 1000)
        {
            _loop.Drain();
            receiver.MakeRoom(100);
        }

        Assert.Equal(1000, file.Recorded);
        Finish(file);
        Assert.Equal(24 + (1000 * 80), file.Size);
    }

    [Fact]
    public void AFullQueueDropsAndCounts()
    {
        // A pipe whose reader takes nothing keeps the writer waiting: what it carries and what the queue has room for is all there is.
        string path = Pipe("q");
        using var reader = new FileDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        var file = new PcapFile(path, new PcapFileOptions { QueueBytes = 65536 });
        using CollectorPort sender = Sender(file, out NullPort sink);
        for (int i = 0; i < 1000; i++)
        {
            sender.Send([new byte[1000]]);
            if (i < 240)
            {
                AwaitWriter(file);
            }
        }

        // 256 KiB in the pipe, and nearly 64 KiB in the queue.
        Assert.Equal(1000, file.Recorded + file.Dropped);
        Assert.InRange(file.Recorded, 300, 325);

        // Closing waits for nobody; what the reader never took is given up.
        sink.Dispose();
        Finish(file);
        Assert.Contains("took nothing more", file.Failure, StringComparison.Ordinal);
        Assert.Equal(1000, file.Recorded + file.Dropped);
        Assert.InRange(file.Recorded, 240, 260);
    }

    [Fact]
    public void TheSizeLimitHolds()
    {
        string path = Path.Combine(_directory, "limit.pcap");
        using var file = new PcapFile(path, new PcapFileOptions { SizeLimit = 10_000 });
        using CollectorPort sender = Sender(file, out NullPort sink);
        for (int i = 0; i < 30; i++)
        {
            sender.Send([Ping(958)]);
        }

        AwaitWriter(file);
        sender.Send([Ping(958)]);
        Assert.Equal(9, file.Recorded);
        Assert.Equal(22, file.Dropped);
        Assert.Contains("10000", file.Failure, StringComparison.Ordinal);
        Finish(file);
        Assert.Equal(9, Tshark(path).Length);
        sink.Dispose();
    }

    [Fact]
    public void SeveralThreadsRecordAtOnce()
    {
        string path = Path.Combine(_directory, "threads.pcap");
        var file = new PcapFile(path, new PcapFileOptions { QueueBytes = 1 << 20 });
        Thread[] threads = [.. Enumerable.Range(0, 3).Select(t => new Thread(() =>
        {
            using CollectorPort sender = Sender(file, out NullPort sink);
            for (int i = 0; i < 2000; i++)
            {
                sender.Send([Ping(60 + t), Ping(60 + t)]);
            }

            sink.Dispose();
        }))];
        Array.ForEach(threads, t => t.Start());
        Array.ForEach(threads, t => Assert.True(t.Join(TimeSpan.FromSeconds(30))));
        long recorded = file.Recorded;
        Assert.Equal(12000, recorded + file.Dropped);
        Finish(file);
        Assert.Equal(recorded, Tshark(path, "-Y", "icmp.type == 8 && !_ws.malformed").Length);
    }

    [Fact]
    public void RecordingAllocatesNothing()
    {
        using var file = new PcapFile(Path.Combine(_directory, "gc.pcap"));
        using var burst = new FrameBurst();
        byte[] frame = GC.AllocateArray<byte>(100, pinned: true);
        burst.TryAdd(default, System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(frame, 0), 100);
        void Turn()
        {
            file.Record(burst, burst.AllFrames);
        }

        for (int i = 0; i < 1000; i++)
        {
            Turn();
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 1000; i++)
        {
            Turn();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(2000, file.Recorded);
    }

    [Theory]
    [InlineData(65535, 1000)]
    [InlineData(256, 256)]
    public void RecordingTakesFromTheTurn(int snap, int kept)
    {
        using var file = new PcapFile(Path.Combine(_directory, "turn.pcap"), new PcapFileOptions { SnapLength = snap });
        using var burst = new FrameBurst();
        byte[] frame = GC.AllocateArray<byte>(1000, pinned: true);
        for (int i = 0; i < 8; i++)
        {
            burst.TryAdd(default, System.Runtime.InteropServices.Marshal.UnsafeAddrOfPinnedArrayElement(frame, 0), (uint)frame.Length);
        }

        file.Record(burst, burst.AllFrames);
        Assert.Equal((8 * TurnBudget.CopyCost) + (8 * kept / TurnBudget.BytesPerUnit), burst.Budget.Spent);
    }

    [Theory]
    [InlineData("/nonexistent/x.pcap", "does not exist")]
    [InlineData("/", "directory")]
    public void AFileThatCannotBeWrittenIsRefused(string path, string expected)
    {
        PortException e = Assert.Throws<PortException>(() => new PcapFile(path));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void AFileThatIsNoCaptureIsLeftAlone()
    {
        string precious = Path.Combine(_directory, "precious");
        File.WriteAllText(precious, "precious");
        Refused(precious, "no capture file");
        string link = Path.Combine(_directory, "link.pcap");
        File.CreateSymbolicLink(link, precious);
        Refused(link, "symbolic link");
        File.CreateSymbolicLink(Path.Combine(_directory, "dangling"), Path.Combine(_directory, "elsewhere"));
        Refused(Path.Combine(_directory, "dangling"), "symbolic link");
        Refused("/dev/null", "neither a file nor a pipe");
        Refused(Pipe("unread"), "nobody reads");
        string capture = Path.Combine(_directory, "a.pcap");
        Finish(new PcapFile(capture));
        string second = Path.Combine(_directory, "b.pcap");
        Execute("ln", capture, second);
        Refused(second, "2 names");
        Assert.Equal("precious", File.ReadAllText(precious));
        Assert.False(File.Exists(Path.Combine(_directory, "elsewhere")));

        // One's own capture, an empty file, or what is asked for by name.
        File.Delete(second);
        Finish(new PcapFile(capture));
        File.WriteAllText(second, string.Empty);
        Finish(new PcapFile(second));
        Finish(new PcapFile(precious, new PcapFileOptions { Overwrite = true }));
        Assert.All([capture, second, precious], f => Assert.Equal(24, new FileInfo(f).Length));
    }

    [Fact]
    public async Task OpeningFailsByItsTask()
    {
        PortException e = await Assert.ThrowsAsync<PortException>(() => PcapFile.OpenAsync("/nonexistent/x.pcap"));
        Assert.Contains("does not exist", e.Message, StringComparison.Ordinal);
        PcapFile file = await PcapFile.OpenAsync(Path.Combine(_directory, "async.pcap"));
        file.Close();
        await file.Completion;
        Assert.Equal((24, null), (file.Size, file.Failure));
    }

    [Fact]
    public void APipeGetsWholeRecordsHoweverSlowlyItIsRead()
    {
        string path = Pipe("slow");
        using var reader = new FileDescriptor(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
        var file = new PcapFile(path);
        using CollectorPort sender = Sender(file, out NullPort sink);
        for (int i = 0; i < 400; i++)
        {
            sender.Send([Ping(1000)]);
        }

        file.Close();
        using var all = new MemoryStream();
        byte[] piece = new byte[777];
        Assert.True(SpinWait.SpinUntil(() =>
        {
            nint n = read(reader.Value, piece);
            all.Write(piece, 0, (int)Math.Max(n, 0));
            return n == 0 && file.Completion.IsCompleted;
        }, TimeSpan.FromSeconds(20)));
        sink.Dispose();
        Assert.Equal((400L, 0L, null), (file.Recorded, file.Dropped, file.Failure));
        string copy = Path.Combine(_directory, "copy.pcap");
        File.WriteAllBytes(copy, all.ToArray());
        Assert.Equal(400, Tshark(copy, "-Y", "icmp.type == 8 && !_ws.malformed").Length);
    }

    [Fact]
    public void APipeIsNotReplayed()
    {
        string path = Pipe("replay");
        PortException e = Assert.Throws<PortException>(() => new PcapPort("pcap", new PcapOptions { Replay = path }, _loop.Context));
        Assert.Contains("no regular file", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(1e-300)]
    [InlineData(1e300)]
    [InlineData(1)]
    public void TimesThatMakeNoSenseDoNotHoldTheThread(double speed)
    {
        string path = Path.Combine(_directory, "times.pcap");
        long last = (0xffff_ffffL * 1_000_000_000) + 999_999_999;
        Write(path, bigEndian: true, [(0, Ping(60)), (last, Ping(61)), (5, Ping(62)), (last, Ping(63)), (0, Ping(64))]);
        AioClock clock = AioClock.CreateVirtual(1_000_000_000);
        using var port = new PcapPort("pcap", new PcapOptions { Replay = path, Speed = speed, Loops = 3 }, _loop.Context, clock);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        for (int turn = 0; turn < 20; turn++)
        {
            // A pass that did not end would be an overflow into the past.
            _loop.Drain();
            clock.Advance(3_600_000_000_000);
        }

        Assert.InRange(receiver.Frames.Count, 1, 15);
        Assert.Equal(Ping(60), receiver.Frames[0]);
    }

    [Theory]
    [InlineData("pcap")]
    [InlineData("nsecpcap")]
    public void ReplaysWhatOthersRecorded(string format)
    {
        List<byte[]> frames = [.. Enumerable.Range(0, 700).Select(i => Ping(20 + (i % 1400)))];
        string path = Convert(Record(frames), format);
        using var port = new PcapPort("pcap", new PcapOptions { Replay = path, Speed = 0 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(port);
        receiver.Room = 100;
        port.Start();
        _loop.Until(() =>
        {
            receiver.MakeRoom(100);
            return port.LoopsDone > 0;
        }, "the file is sent");

        Assert.Equal(frames.Count, receiver.Frames.Count);
        Assert.All(frames.Zip(receiver.Frames), p => Assert.True(p.First.AsSpan().SequenceEqual(p.Second)));
        Assert.Null(port.Failure);
        Assert.Equal(700, port.IngressCounters.Frames);
    }

    [Fact]
    public void AFileLargerThanTheBufferIsReplayedWhole()
    {
        List<byte[]> frames = [.. Enumerable.Range(0, 400).Select(i => Ping(20000 + i))];
        using var port = new PcapPort("pcap", new PcapOptions { Replay = Record(frames), Speed = 0, Loops = 2 }, _loop.Context);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        _loop.Until(() => port.LoopsDone == 2, "the file is sent twice");
        Assert.Equal(800, receiver.Frames.Count);
        Assert.All(frames.Concat(frames).Zip(receiver.Frames), p => Assert.True(p.First.AsSpan().SequenceEqual(p.Second)));
    }

    [Fact]
    public void KeepsThePauses()
    {
        string path = Path.Combine(_directory, "pauses.pcap");
        Write(path, bigEndian: true, Enumerable.Range(0, 20).Select(i => (1_700_000_000_000_000_000 + (i * 10_000_000L), Ping(60 + i))));
        AioClock clock = AioClock.CreateVirtual();
        using var port = new PcapPort("pcap", new PcapOptions { Replay = path, Speed = 2, Loops = 0 }, _loop.Context, clock);
        using CollectorPort receiver = CollectorPort.Join(port);
        port.Start();
        for (int i = 0; i < 19; i++)
        {
            _loop.Drain();
            Assert.Equal(i + 1, receiver.Frames.Count);
            clock.Advance(5_000_001);
        }

        // The second round begins as soon as the first has ended.
        _loop.Drain();
        Assert.Equal(1, port.LoopsDone);
        Assert.Equal(21, receiver.Frames.Count);
        clock.Advance(5_000_001);
        _loop.Drain();
        Assert.Equal(22, receiver.Frames.Count);
    }

    [Fact]
    public void CapturesWhatIsDelivered()
    {
        string path = Path.Combine(_directory, "out.pcap");
        using (var port = new PcapPort("pcap", new PcapOptions { Capture = path }, _loop.Context))
        {
            using CollectorPort sender = CollectorPort.Join(port);
            port.Start();
            sender.Send([Ping(70), Ping(80)]);
            _loop.Drain();
            Assert.Equal(2, port.EgressCounters.Frames);
            Finish(port.File!);
        }

        Assert.Equal(2, Tshark(path).Length);
    }

    public static TheoryData<string, byte[], string> BadFiles => new()
    {
        { "empty", [], "shorter" },
        { "text", [.. Enumerable.Repeat((byte)'x', 100)], "not a pcap file" },
        { "pcapng", [0x0a, 0x0d, 0x0d, 0x0a, .. new byte[40]], "editcap" },
        { "wireless", [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, .. new byte[12], 105, 0, 0, 0], "105" },
    };

    [Theory]
    [MemberData(nameof(BadFiles))]
    public void AFileThatCannotBeReplayedIsRefused(string what, byte[] content, string expected)
    {
        string path = Path.Combine(_directory, what);
        File.WriteAllBytes(path, content);
        PortException e = Assert.Throws<PortException>(() => new PcapPort("pcap", new PcapOptions { Replay = path }, _loop.Context));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADamagedFileIsReplayedAsFarAsItGoes()
    {
        string whole = Record([Ping(60), Ping(61), Ping(62)]);
        byte[] bytes = File.ReadAllBytes(whole);
        string path = Path.Combine(_directory, "cut.pcap");
        for (int length = 24; length < bytes.Length; length += 7)
        {
            File.WriteAllBytes(path, bytes[..length]);
            using var port = new PcapPort("pcap", new PcapOptions { Replay = path, Speed = 0, Loops = 0 }, _loop.Context);
            using CollectorPort receiver = CollectorPort.Join(port);
            port.Start();
            _loop.Drain();
            Assert.InRange(receiver.Frames.Count, 0, 2);
            Assert.Equal(1, port.LoopsDone);
        }

        // A length from nowhere, then a record that was cut by a snap length.
        bytes[24 + 11] = 0x7f;
        File.WriteAllBytes(path, bytes);
        using var broken = new PcapPort("pcap", new PcapOptions { Replay = path, Speed = 0 }, _loop.Context);
        using CollectorPort nothing = CollectorPort.Join(broken);
        broken.Start();
        _loop.Drain();
        Assert.Contains("damaged", broken.Failure, StringComparison.Ordinal);
        using var snapped = new PcapPort("pcap", new PcapOptions { Replay = Record([Ping(60), Ping(600)], 150), Speed = 0 }, _loop.Context);
        using CollectorPort one = CollectorPort.Join(snapped);
        snapped.Start();
        _loop.Drain();
        Assert.Single(one.Frames);
        Assert.Equal(1, snapped.Skipped);
    }

    private static void Refused(string path, string expected)
    {
        PortException e = Assert.Throws<PortException>(() => new PcapFile(path));
        Assert.Contains(path, e.Message, StringComparison.Ordinal);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    private static void AwaitWriter(PcapFile file) => Assert.True(SpinWait.SpinUntil(() => file.IsIdle, TimeSpan.FromSeconds(20)), "the writer has not written all");

    private static void Finish(PcapFile file)
    {
        file.Close();
        Assert.True(file.Completion.Wait(TimeSpan.FromSeconds(20)), "the file was not closed");
    }

    private string Pipe(string name)
    {
        string path = Path.Combine(_directory, name);
        Execute("mkfifo", path);
        return path;
    }

    private static byte[] Ping(int size) =>
        Craft.Ethernet(Craft.ResponderMac, Craft.GuestMac, 0x0800, Craft.IPv4("10.0.2.15", "10.0.2.2", 1, Craft.Icmp(8, 0, [1, 2, 3, 4, .. new byte[size]])));

    /// <summary>A sender whose frames are recorded on their way to a sink.</summary>
    private static CollectorPort Sender(PcapFile file, out NullPort sink)
    {
        sink = new NullPort("null") { Capture = file };
        return CollectorPort.Join(sink);
    }

    private static void Write(string path, bool bigEndian, IEnumerable<(long TimeNs, byte[] Frame)> records)
    {
        using var stream = new MemoryStream();
        void Number(long value)
        {
            byte[] bytes = BitConverter.GetBytes((uint)value);
            stream.Write(bigEndian ? [.. bytes.Reverse()] : bytes);
        }

        Number(0xa1b23c4d);
        stream.Write(bigEndian ? [0, 2, 0, 4] : [2, 0, 4, 0]);
        Number(0);
        Number(0);
        Number(65535);
        Number(1);
        foreach ((long time, byte[] frame) in records)
        {
            Number(time / 1_000_000_000);
            Number(time % 1_000_000_000);
            Number(frame.Length);
            Number(frame.Length);
            stream.Write(frame);
        }

        File.WriteAllBytes(path, stream.ToArray());
    }

    private string Record(List<byte[]> frames, int snap = 65535)
    {
        string path = Path.Combine(_directory, $"{Guid.NewGuid():N}.pcap");
        using var file = new PcapFile(path, new PcapFileOptions { SnapLength = snap });
        using CollectorPort sender = Sender(file, out NullPort sink);
        foreach (byte[] frame in frames)
        {
            sender.Send([frame]);
            AwaitWriter(file);
        }

        Assert.Equal(0, file.Dropped);
        sink.Dispose();
        Finish(file);
        return path;
    }

    private static string Convert(string path, string format)
    {
        string to = path + "." + format;
        Execute("tshark", "-r", path, "-F", format, "-w", to);
        return to;
    }

    private static string[] Tshark(string path, params string[] arguments) => Execute("tshark", ["-r", path, .. arguments]).Split('\n', StringSplitOptions.RemoveEmptyEntries);

    private static string Execute(string program, params string[] arguments)
    {
        Assert.True(File.Exists("/usr/bin/" + program), $"/usr/bin/{program} is not installed; eng/install.sh installs it.");
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        Assert.True(process.WaitForExit(60000));
        Assert.True(process.ExitCode == 0, error.Result);
        return output;
    }
}
