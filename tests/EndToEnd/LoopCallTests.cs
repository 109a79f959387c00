using System.Buffers.Binary;
using System.Globalization;
using System.Net.Sockets;
using System.Text.Json;

namespace VhostNet.EndToEnd;

/// <summary>
/// No thread with an event loop waits for a stranger: a daemon is traced while front ends come, send, receive and go, while it is asked, changed, captured and ended,
/// and every call of these threads has to be one that LoopCalls.txt allows. What all threads call has to pass the units' seccomp filter.
/// </summary>
[Collection(Alone.Name)]
public sealed class LoopCallTests : EndToEndTest
{
    private const int FrameSize = 342;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    private string Control => Directory.File("control.sock");

    [Fact]
    public async Task LoopThreadsMakeOnlyCallsThatDoNotWait()
    {
        string trace = Directory.File("trace");
        VhostnetdProcess daemon = await VhostnetdProcess.StartAsync(
            Directory,
            ["-D", "-f", "-qq", "-T", "-ttt", "-y", "-s", "16", "-o", trace, "--", Repository.Daemon, "--config", await WriteConfigAsync()],
            program: "strace");
        Dictionary<int, string> threads;
        await using (daemon)
        {
            using HttpClient http = Connect();
            threads = await LoopThreadsAsync(http);
            await ExerciseAsync(http);
            await daemon.Process.TerminateAsync();
        }

        IReadOnlyList<LoopCall> all = LoopTrace.Read(await File.ReadAllLinesAsync(trace));
        HashSet<string> allowed = await UnitCallList.ReadAsync("vhostnetd.service");
        Assert.Equal([], all.Select(c => c.Name).Distinct().Where(n => !allowed.Contains(n)).Order());
        IReadOnlyList<LoopCall> calls = [.. all.Where(c => threads.ContainsKey(c.Thread))];
        LoopCallList list = LoopCallList.Load();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"{calls.Count} calls of {string.Join(", ", threads.Values)}: {string.Join(' ', calls.GroupBy(c => c.Name).OrderBy(g => g.Key).Select(g => $"{g.Key} {g.Count()}"))}");
        Assert.Equal(["control", "io0", "io1"], threads.Values.Order());

        // A trace that missed a thread or what it did would find nothing wrong.
        Assert.All(threads.Keys, t => Assert.True(calls.Any(c => c.Thread == t && c.Name is "epoll_pwait2" or "epoll_wait" or "io_uring_enter"), $"{threads[t]} never slept"));
        Assert.True(calls.Any(c => c.Name == "recvmsg" && c.Arguments.Contains("SCM_RIGHTS", StringComparison.Ordinal)), "no front end's descriptor was seen");
        string[] wrong = [.. calls.Select(c => (Call: c, Why: list.Refuse(c))).Where(c => c.Why is not null)
            .Select(c => $"{threads[c.Call.Thread]} {c.Why} {c.Call}").Distinct()];
        Assert.True(wrong.Length == 0, $"{wrong.Length} calls that tests/EndToEnd/LoopCalls.txt does not allow:\n{string.Join('\n', wrong.Take(40))}");
    }

    /// <summary>The list can tell: what a loop must not do is refused.</summary>
    [Theory]
    [InlineData("7 1.0 sendto(9<UNIX-DGRAM:[1->2]>, \"READY=1\"..., 7, 0, NULL, 0) = 7 <0.000010>", "may wait in")]
    [InlineData("7 1.0 sendto(9<UNIX-DGRAM:[1->2]>, \"READY=1\"..., 7, MSG_DONTWAIT|MSG_NOSIGNAL, NULL, 0) = 7 <0.000010>", null)]
    [InlineData("7 1.0 connect(9<UNIX-STREAM:[1]>, {sa_family=AF_UNIX, sun_path=\"/run/web.sock\"}, 110) = 0 <0.000010>", "may wait in")]
    [InlineData("7 1.0 write(9<anon_inode:[eventfd]>, \"\\1\\0\", 8) = 8 <5.000010>", "sat in")]
    [InlineData("7 1.0 write(9</var/lib/vhostnet/out.pcap>, \"\\1\\0\", 8) = 8 <0.000010>", "may wait in")]
    [InlineData("7 1.0 openat(AT_FDCWD</>, \"in.pcap\", O_RDONLY|O_CLOEXEC) = 9</in.pcap> <0.000010>", "may wait in")]
    [InlineData("7 1.0 fsync(9</var/lib/vhostnet/vm0.features>) = 0 <0.000010>", "does not know")]
    [InlineData("7 1.0 nanosleep({tv_sec=0, tv_nsec=5000000}, NULL) = 0 <0.005>", "does not know")]
    [InlineData("7 1.0 futex(0x7f, FUTEX_WAIT_PRIVATE, 2, NULL) = 0 <3.5>", "sat in")]
    [InlineData("7 1.0 epoll_pwait2(9<anon_inode:[eventpoll]>, [], 64, NULL, NULL, 0) = 1 <30.5>", null)]
    public void WhatWaitsIsRefused(string line, string? why) => Assert.Equal(why, LoopCallList.Load().Refuse(Assert.Single(LoopTrace.Read([line]))));

    [Fact]
    public void TheTraceKnowsWhatCanNotBlock()
    {
        LoopCallList list = LoopCallList.Load();
        IReadOnlyList<LoopCall> calls = LoopTrace.Read(
        [
            "7 1.0 socket(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0) = 9<UNIX-STREAM:[1]> <0.00001>",
            "7 1.0 connect(9<UNIX-STREAM:[1]>, {sa_family=AF_UNIX}, 110 <unfinished ...>",
            "8 1.0 fcntl(9<UNIX-STREAM:[1]>, F_SETFL, O_RDWR) = 0 <0.00001>",
            "7 1.0 <... connect resumed>) = 0 <0.00001>",
            "7 1.0 fcntl(9<UNIX-STREAM:[1]>, F_SETFL, O_RDWR|O_NONBLOCK) = 0 <0.00001>",
            "7 1.0 read(9<UNIX-STREAM:[1]>, \"\", 1) = 0 <0.00001>",
            "7 1.0 close(9<UNIX-STREAM:[1]>) = 0 <0.00001>",
            "7 1.0 read(9<UNIX-STREAM:[2]>, \"\", 1) = 0 <0.00001>",
        ]);
        Assert.Equal([null, null, "may wait in", null, null, null, "may wait in"], calls.Select(list.Refuse));
    }

    private async Task<string> WriteConfigAsync()
    {
        string file = Directory.File("config.json");
        string state = Directory.File("state");
        System.IO.Directory.CreateDirectory(state);
        await File.WriteAllTextAsync(file, $$"""
            {
              "threads": [{"name": "io0"}, {"name": "io1", "poll": "interrupt"}],
              "networks": [{"name": "sw", "kind": "switch"}],
              "ports": [
                {"name": "a", "kind": "vhost-user", "network": "sw", "threads": "io0", "socket": {"path": "{{Directory.File("a.sock")}}", "mode": "0660"} },
                {"name": "b", "kind": "vhost-user", "network": "sw", "threads": "io1", "socket": {"path": "{{Directory.File("b.sock")}}"} },
                {"name": "nat", "kind": "user", "network": "sw"},
                {"name": "answer", "kind": "responder", "network": "sw", "dhcp": false}
              ],
              "stateDirectory": "{{state}}",
              "control": {"path": "{{Control}}"}
            }
            """);
        return file;
    }

    private async Task ExerciseAsync(HttpClient http)
    {
        using var b = new FrontendGuest(Directory.File("b.sock"), FrameSize, 64);
        for (int i = 0; i < 2; i++)
        {
            using var a = new FrontendGuest(Directory.File("a.sock"), FrameSize, 64);
            a.Fill(Discover());
            await SendAsync(http, HttpMethod.Post, "/ports/a/capture", $$"""{"file": "{{Directory.File($"a{i}.pcap")}}"}""");
            long received = b.Received;
            SpinWait.SpinUntil(
                () =>
                {
                    a.Turn();
                    b.Turn(send: false);
                    return b.Received > received + 2000;
                },
                s_limit);
            Assert.True(b.Received > received + 2000, $"{b.Received - received} frames arrived");
            await SendAsync(http, HttpMethod.Get, "/status");
            await SendAsync(http, HttpMethod.Get, "/metrics");
            await SendAsync(http, HttpMethod.Put, "/ports/c", """{"kind": "null", "network": "sw"}""");
            await SendAsync(http, HttpMethod.Patch, "/ports/a", """{"limits": {"in": {"framesPerSecond": 100000}}}""");
            await SendAsync(http, HttpMethod.Patch, "/threads/io1", """{"poll": "adaptive"}""");
            await SendAsync(http, HttpMethod.Patch, "/networks/sw", """{"mirror": {"port": "c"}}""");
            await SendAsync(http, HttpMethod.Patch, "/networks/sw", """{"mirror": null}""");
            await SendAsync(http, HttpMethod.Delete, "/ports/c");
            await SendAsync(http, HttpMethod.Delete, "/ports/a/capture");
        }
    }

    private static async Task SendAsync(HttpClient http, HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path) { Content = json is null ? null : new StringContent(json) };
        using HttpResponseMessage response = await http.SendAsync(request);
        Assert.True(response.IsSuccessStatusCode, $"{method} {path}: {response.StatusCode} {await response.Content.ReadAsStringAsync()}");
    }

    private static async Task<Dictionary<int, string>> LoopThreadsAsync(HttpClient http)
    {
        using JsonDocument status = JsonDocument.Parse(await http.GetStringAsync(new Uri("/status", UriKind.Relative)));
        string[] names = ["control", .. status.RootElement.GetProperty("threads").EnumerateArray().Select(t => t.GetProperty("name").GetString()!)];
        int pid = status.RootElement.GetProperty("pid").GetInt32();
        return System.IO.Directory.EnumerateDirectories($"/proc/{pid}/task")
            .Select(t => (Id: int.Parse(Path.GetFileName(t), CultureInfo.InvariantCulture), Name: File.ReadAllText(Path.Combine(t, "comm")).TrimEnd()))
            .Where(t => names.Contains(t.Name))
            .ToDictionary(t => t.Id, t => t.Name);
    }

    private HttpClient Connect() => new(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            Socket socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(Control), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    })
    {
        BaseAddress = new Uri("http://daemon"),
        Timeout = s_limit,
    };

    /// <summary>A DHCPDISCOVER behind virtio_net_hdr: everybody on the switch gets it, and the user port answers it.</summary>
    private static byte[] Discover()
    {
        byte[] all = new byte[FrontendGuest.HeaderSize + FrameSize];
        Span<byte> frame = all.AsSpan(FrontendGuest.HeaderSize);
        byte[] mac = [2, 0, 0, 0, 0, 1];
        frame[..6].Fill(0xff);
        mac.CopyTo(frame[6..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[12..], 0x800);
        Span<byte> ip = frame[14..];
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], FrameSize - 14);
        ip[8] = 64;
        ip[9] = 17;
        ip[16..20].Fill(0xff);
        uint sum = 0;
        for (int i = 0; i < 20; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~((sum & 0xffff) + (sum >> 16)));
        Span<byte> udp = ip[20..];
        BinaryPrimitives.WriteUInt16BigEndian(udp, 68);
        BinaryPrimitives.WriteUInt16BigEndian(udp[2..], 67);
        BinaryPrimitives.WriteUInt16BigEndian(udp[4..], FrameSize - 34);
        Span<byte> bootp = udp[8..];
        bootp[0] = 1;
        bootp[1] = 1;
        bootp[2] = 6;
        mac.CopyTo(bootp[28..]);
        new byte[] { 0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255 }.CopyTo(bootp[236..]);
        return all;
    }
}
