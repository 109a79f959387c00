using System.Collections.Concurrent;
using VhostNet.VirtioNet.Errors;

namespace VhostNet.Daemon.Metrics;

/// <summary>The labels of errors of system calls: <c>call</c> and <c>errno</c>, made when a pair is first met.</summary>
internal static class CallErrorLabels
{
    private static readonly ConcurrentDictionary<(CallKind Call, int Number), SeriesLabels> s_labels = new();

    /// <summary>The calls' names, as the label has them.</summary>
    public static IReadOnlyList<string> Calls { get; } = [.. Enum.GetNames<CallKind>().Select(DropReasons.ToSnakeCase)];

    /// <summary>Passes on every error that a port has met.</summary>
    public static void Collect(MetricSources sources, IMetricSink sink)
    {
        foreach (PortSource port in sources.Ports)
        {
            if (!port.IsFirst || port.Errors is not { } errors)
            {
                continue;
            }

            for (CallKind call = 0; (int)call < CallErrors.CallKinds; call++)
            {
                for (int number = 0; number < ErrnoNames.Count; number++)
                {
                    if (errors[call, number] is not 0 and long count)
                    {
                        sink.Add(port.PortLabels, Of(call, number), count);
                    }
                }
            }
        }
    }

    private static SeriesLabels Of(CallKind call, int number) =>
        s_labels.TryGetValue((call, number), out SeriesLabels? labels)
            ? labels
            : s_labels.GetOrAdd((call, number), new SeriesLabels(("call", Calls[(int)call]), ("errno", ErrnoNames.Of(number))));
}
