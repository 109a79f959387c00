using System.Buffers.Binary;
using System.Net;
using System.Text.Json;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>Frames of a running port are captured over the control socket.</summary>
public sealed class CaptureTests : IDisposable
{
    private const int FileHeaderSize = 24;
    private const int RecordHeaderSize = 16;
    private const uint MagicNanoseconds = 0xa1b23c4d;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);
    private readonly TestDirectory _directory = new();

    private string Control => _directory.File("control.sock");

    private string PcapFile => _directory.File("out.pcap");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public async Task ACaptureEndsAfterTheFramesThatWereAskedFor()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        (HttpStatusCode status, string body) = await client.SendAsync(HttpMethod.Post, "/ports/sink/capture", $$"""{"file": "{{PcapFile}}", "frames": 100, "snapLength": 64}""");
        Assert.Equal((HttpStatusCode.OK, true), (status, JsonDocument.Parse(body).RootElement.GetProperty("running").GetBoolean()));

        JsonElement capture = await WaitForEndAsync(client);
        Assert.Equal("frame limit", capture.GetProperty("ended").GetString());
        Assert.Equal(100, capture.GetProperty("frames").GetInt64());
        Assert.Equal(100, CountRecords(await File.ReadAllBytesAsync(PcapFile), capturedLength: 64, frameLength: 128));
    }

    [Fact]
    public async Task ACaptureCanBeEndedAndBegunAgain()
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        string request = $$"""{"file": "{{PcapFile}}"}""";
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(HttpMethod.Post, "/ports/source/capture", request)).Status);
        (HttpStatusCode status, string body) = await client.SendAsync(HttpMethod.Post, "/ports/source/capture", request);
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Contains("is being captured to", body, StringComparison.Ordinal);
        (status, body) = await client.SendAsync(HttpMethod.Delete, "/ports/source/capture");
        Assert.Equal(HttpStatusCode.OK, status);
        JsonElement ended = JsonDocument.Parse(body).RootElement;
        Assert.Equal("asked for", ended.GetProperty("ended").GetString());
        Assert.Equal(ended.GetProperty("frames").GetInt64(), CountRecords(await File.ReadAllBytesAsync(PcapFile), 128, 128));
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(HttpMethod.Post, "/ports/source/capture", request)).Status);
    }

    [Theory]
    [InlineData("""{"fiel": "/tmp/x"}""", "file: is missing; it has to say where the capture is written")]
    [InlineData("""{"file": "x.pcap"}""", "is no absolute path; the daemon's working directory is not yours")]
    [InlineData("""{"file": "/nonexistent/x.pcap"}""", "its directory does not exist; make it first")]
    [InlineData("""{"file": "/tmp/x", "frames": 0}""", "frames: 0 stands where a whole number from 1 to")]
    [InlineData("""{"file": "/tmp/x", "minutes": 1}""", "minutes: unknown key; known here: bytes, file, frames, overwrite, seconds, snapLength")]
    [InlineData("""{"file": "/tmp/x\u0000.pcap"}""", "file: the text holds a zero byte (\\u0000) after 6 characters")]
    [InlineData("""{"file": "/tmp/\ud800"}""", "file: the text holds half of a surrogate pair")]
    [InlineData("nonsense", "the request's body is not valid JSON")]
    public async Task AWrongRequestIsRefused(string request, string expected)
    {
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        (HttpStatusCode status, string body) = await client.SendAsync(HttpMethod.Post, "/ports/sink/capture", request);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(expected, JsonDocument.Parse(body).RootElement.GetProperty("error").GetString(), StringComparison.Ordinal);
    }

    /// <summary>Whoever reads the file has stopped: it takes nothing any more, as a frozen disk does.</summary>
    [Fact]
    public async Task AFileThatTakesNothingKeepsNobody()
    {
        string fifo = _directory.File("fifo");
        await ChildProcess.RunAsync("mkfifo", [fifo]);
        await using FileStream reader = new(fifo, FileMode.Open, FileAccess.ReadWrite);
        await using VhostnetdProcess daemon = await StartAsync();
        using var client = new ControlClient(Control);
        Assert.Equal(HttpStatusCode.OK, (await client.SendAsync(HttpMethod.Post, "/ports/source/capture", $$"""{"file": "{{fifo}}"}""")).Status);

        // More frames than any pipe of the default size holds: whoever writes them stands in the middle of one.
        await WaitForAsync(client, "/ports/source/capture", c => c.GetProperty("frames").GetInt64() > 1000);

        // Nothing of the control thread is in the way, neither now nor while the file can't be closed.
        (HttpStatusCode status, string body) = await client.SendAsync(HttpMethod.Delete, "/ports/source/capture");
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("asked for", JsonDocument.Parse(body).RootElement.GetProperty("ended").GetString());
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/status")).Status);
        Assert.Equal((HttpStatusCode.OK, "ok\n"), await client.GetAsync("/health"));
        Assert.Equal(0, await daemon.Process.TerminateAsync());
    }

    private static async Task WaitForAsync(ControlClient client, string path, Func<JsonElement, bool> condition)
    {
        using var limit = new CancellationTokenSource(s_timeout);
        while (!condition(await client.JsonAsync(path)))
        {
            limit.Token.ThrowIfCancellationRequested();
        }
    }

    private static int CountRecords(ReadOnlySpan<byte> file, int capturedLength, int frameLength)
    {
        Assert.Equal(MagicNanoseconds, BinaryPrimitives.ReadUInt32LittleEndian(file));
        int count = 0;
        for (file = file[FileHeaderSize..]; !file.IsEmpty; file = file[(RecordHeaderSize + capturedLength)..])
        {
            Assert.Equal(capturedLength, BinaryPrimitives.ReadInt32LittleEndian(file[8..]));
            Assert.Equal(frameLength, BinaryPrimitives.ReadInt32LittleEndian(file[12..]));
            count++;
        }

        return count;
    }

    private static async Task<JsonElement> WaitForEndAsync(ControlClient client)
    {
        using var limit = new CancellationTokenSource(s_timeout);
        while (true)
        {
            JsonElement capture = await client.JsonAsync("/ports/sink/capture");
            if (!capture.GetProperty("running").GetBoolean())
            {
                return capture;
            }

            limit.Token.ThrowIfCancellationRequested();
        }
    }

    private async Task<VhostnetdProcess> StartAsync()
    {
        string file = _directory.File("config.json");
        await File.WriteAllTextAsync(file, $$"""
            {
              "networks": [ {"name": "net", "kind": "wire"} ],
              "ports": [
                {"name": "sink", "kind": "null", "network": "net"},
                {"name": "source", "kind": "generator", "network": "net", "frameSize": 128, "rate": 2000}
              ],
              "control": {"path": "{{Control}}"}
            }
            """);
        return await VhostnetdProcess.StartAsync(_directory, ["--config", file]);
    }
}
