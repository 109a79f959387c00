using System.Globalization;
using System.Text.RegularExpressions;

namespace VhostNet.EndToEnd;

/// <summary>What strace wrote of a process, read in its order: which thread made which call, how long it took, and which descriptors can't block.</summary>
internal sealed partial class LoopTrace
{
    private readonly Dictionary<int, (string Name, string Arguments)> _unfinished = [];
    private readonly HashSet<int> _nonBlocking = [];

    /// <summary>Reads a trace made with <c>strace -f -T -ttt -y</c>.</summary>
    public static IReadOnlyList<LoopCall> Read(IEnumerable<string> lines)
    {
        var trace = new LoopTrace();
        return [.. lines.Select(trace.ReadLine).OfType<LoopCall>()];
    }

    private LoopCall? ReadLine(string line)
    {
        Match begun = UnfinishedPattern().Match(line);
        if (begun.Success)
        {
            _unfinished[Number(begun, "tid")] = (begun.Groups["name"].Value, begun.Groups["arguments"].Value);
            return null;
        }

        Match resumed = ResumedPattern().Match(line);
        if (resumed.Success && _unfinished.Remove(Number(resumed, "tid"), out (string Name, string Arguments) first))
        {
            return Note(new LoopCall(Number(resumed, "tid"), first.Name, first.Arguments + resumed.Groups["arguments"].Value, resumed.Groups["result"].Value, Duration(resumed)));
        }

        Match whole = WholePattern().Match(line);
        return whole.Success ? Note(new LoopCall(Number(whole, "tid"), whole.Groups["name"].Value, whole.Groups["arguments"].Value, whole.Groups["result"].Value, Duration(whole))) : null;
    }

    private static int Number(Match match, string group) => int.Parse(match.Groups[group].ValueSpan, CultureInfo.InvariantCulture);

    // A call that never came back was the thread's last.
    private static double Duration(Match match) =>
        match.Groups["seconds"].Success ? double.Parse(match.Groups["seconds"].ValueSpan, CultureInfo.InvariantCulture) : 0;

    /// <summary>Says of the call whether its descriptor can block, and remembers what it makes of descriptors.</summary>
    private LoopCall Note(LoopCall call)
    {
        call = call with { CanBlock = !_nonBlocking.Contains(call.Descriptor) };
        switch (call.Name)
        {
            case "close":
                _nonBlocking.Remove(call.Descriptor);
                break;
            case "fcntl" when call.Arguments.Contains("F_SETFL", StringComparison.Ordinal):
                Set(call.Descriptor, call.Arguments.Contains("O_NONBLOCK", StringComparison.Ordinal));
                break;
            case "fcntl" when call.Arguments.Contains("F_DUPFD", StringComparison.Ordinal):
                Set(call.Result, !call.CanBlock);
                break;
            case "ioctl" when call.Arguments.Contains("FIONBIO, [1]", StringComparison.Ordinal):
                Set(call.Descriptor, true);
                break;
            case "socket" or "accept4" or "eventfd2" or "openat" or "timerfd_create" or "signalfd4":
                Set(call.Result, call.Arguments.Contains("NONBLOCK", StringComparison.Ordinal));
                break;
            case "pipe2" or "socketpair":
                foreach (Match made in PairPattern().Matches(call.Arguments))
                {
                    Set(int.Parse(made.Groups[1].ValueSpan, CultureInfo.InvariantCulture), call.Arguments.Contains("NONBLOCK", StringComparison.Ordinal));
                }

                break;
            default:
                break;
        }

        return call;
    }

    private void Set(int descriptor, bool isNonBlocking)
    {
        if (isNonBlocking)
        {
            _nonBlocking.Add(descriptor);
        }
        else
        {
            _nonBlocking.Remove(descriptor);
        }
    }

    [GeneratedRegex(@"^(?<tid>\d+)\s+[\d.]+ (?<name>\w+)\((?<arguments>.*?),? *<unfinished \.\.\.>$")]
    private static partial Regex UnfinishedPattern();

    [GeneratedRegex(@"^(?<tid>\d+)\s+[\d.]+ <\.\.\. \w+ resumed>(?<arguments>.*)\)\s+= (?<result>.*?)( <(?<seconds>[\d.]+)>)?$")]
    private static partial Regex ResumedPattern();

    [GeneratedRegex(@"^(?<tid>\d+)\s+[\d.]+ (?<name>\w+)\((?<arguments>.*)\)\s+= (?<result>.*?)( <(?<seconds>[\d.]+)>)?$")]
    private static partial Regex WholePattern();

    [GeneratedRegex(@"[\[ ](\d+)<")]
    private static partial Regex PairPattern();
}
