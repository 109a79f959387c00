using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using VhostNet.Ctl.Captures;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl capture NAME</c>: the frames of a port as they pass, to a file, to a pipe, or as lines.</summary>
internal static class CaptureCommand
{
    private static readonly Option<string> s_write = new("--write", "-w")
    {
        HelpName = "FILE|-",
        Description = "write a capture that Wireshark reads; - is standard output. Without it, a line for each frame",
    };

    private static readonly (Option<string> Option, string Key)[] s_limits =
    [
        (Limit("--frames", "-c", "end after so many frames"), "frames"),
        (Limit("--seconds", "-s", "end after so many seconds"), "seconds"),
        (Limit("--bytes", "-b", "end when the capture has so many bytes"), "bytes"),
        (Limit("--snap-length", "-l", "bytes kept of each frame, 64 to 262144 (all)"), "snapLength"),
    ];

    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        Argument<string> name = Names.Argument("ports", "the port");
        var command = new Command("capture", "the frames of a port as they pass: vhostnetctl capture vm7 -w - | wireshark -k -i -") { name, s_write };
        foreach ((Option<string> option, _) in s_limits)
        {
            command.Add(option);
        }

        command.SetAction(result => Run(result, result.GetValue(name)!));
        return command;
    }

    private static Option<string> Limit(string name, string letter, string description) => new(name, letter) { HelpName = "N", Description = description };

    private static void Run(ParseResult result, string name)
    {
        string? target = result.GetValue(s_write);
        if (target == "-" && !Console.IsOutputRedirected)
        {
            throw new CtlException(CtlExit.Wrong, "-w -: a capture is not for terminals; lead it into a program or a file, or leave -w out to see lines");
        }

        string[] limits = [.. s_limits.Where(l => result.GetValue(l.Option) is not null).Select(l =>
            $"{l.Key}={Uri.EscapeDataString(result.GetValue(l.Option)!)}")];
        using ControlClient client = Globals.Client(result);
        string address = ControlClient.Address("ports", name, $"/capture.pcap{(limits.Length > 0 ? "?" + string.Join('&', limits) : string.Empty)}");
        using HttpConnection stream = client.Open(address);

        // Ending it by a request gives the last record whole.
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, c => End(c, client.Path, name));
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, c => End(c, client.Path, name));
        using Stream? output = target is null ? null : Open(target);
        bool json = result.GetValue(Globals.Json);
        var parser = new PcapParser(output is null ? (time, length, frame) => Show(json, time, length, frame) : null);
        Copy(stream, output, parser, isWatched: target is not (null or "-"));
        if (output is not null)
        {
            Screen.Progress(string.Empty);
            Screen.Say($"{Units.Count(parser.Frames, "frame")} of port {name} {(target == "-" ? "written" : $"are in {target}")}");
        }
    }

    private static void Copy(HttpConnection stream, Stream? output, PcapParser parser, bool isWatched)
    {
        byte[] buffer = new byte[64 * 1024];
        long bytes = 0;
        long shown = Stopwatch.GetTimestamp();
        try
        {
            while (stream.Read(buffer) is > 0 and int count)
            {
                output?.Write(buffer, 0, count);
                output?.Flush();
                parser.Feed(buffer.AsSpan(0, count));
                bytes += count;
                if (isWatched && Stopwatch.GetElapsedTime(shown).TotalSeconds >= 1)
                {
                    shown = Stopwatch.GetTimestamp();
                    Screen.Progress($"{Units.Count(parser.Frames, "frame")}, {Units.Si(bytes)}B; Ctrl-C ends");
                }
            }
        }
        catch (SocketException e)
        {
            throw new CtlException(CtlExit.Unreachable, $"the daemon ended the capture after {Units.Count(parser.Frames, "frame")}: the connection is gone", e);
        }
        catch (IOException e) when (e is not FileNotFoundException)
        {
            if (e.HResult != EPIPE)
            {
                throw new CtlException(CtlExit.Unreachable, $"the capture can't be written any more: {e.Message.TrimEnd('.')}", e);
            }

            // Whoever read it has seen enough.
        }
    }

    private static Stream Open(string target)
    {
        try
        {
            return target == "-" ? Console.OpenStandardOutput() : new FileStream(target, FileMode.Create, FileAccess.Write);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new CtlException(CtlExit.Unreachable, $"-w {target}: can't be written: {e.Message.TrimEnd('.')}", e);
        }
    }

    private static void End(PosixSignalContext context, string socket, string name)
    {
        context.Cancel = true;
        try
        {
            using var client = new ControlClient(socket);
            client.Send("DELETE", ControlClient.Address("ports", name, "/capture"));
        }
        catch (CtlException)
        {
            // It has ended by itself meanwhile, or the daemon is gone: the stream ends either way.
        }
    }

    private static void Show(bool json, long timeNs, int length, ReadOnlySpan<byte> frame)
    {
        string line = FrameLine.Of(timeNs, length, frame);
        if (json)
        {
            var record = new JsonObject
            {
                ["time"] = string.Create(CultureInfo.InvariantCulture, $"{timeNs / 1_000_000_000}.{timeNs % 1_000_000_000:000000000}"),
                ["length"] = length,
                ["text"] = line[(line.IndexOf(' ', StringComparison.Ordinal) + 1)..],
                ["bytes"] = Convert.ToHexString(frame),
            };
            line = record.ToJsonString();
        }

        Console.Out.WriteLine(line);
    }
}
