using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.User;

namespace VhostNet.Daemon.Metrics;

/// <summary>A port that is measured, one direction in each object, with the rate of the last second.</summary>
internal sealed class PortSource
{
    private readonly Port _port;
    private readonly bool _inward;
    private readonly Func<long>? _faults;
    private long _lastFrames;
    private long _lastBytes;
    private long _lastNs;

    /// <summary>Makes a source.</summary>
    /// <param name="port">The port.</param>
    /// <param name="inward">True for frames that came in from the outside, false for those that went out.</param>
    /// <param name="endpoint">A guest's endpoint, or null.</param>
    /// <param name="faults">How often a callback threw; null for never.</param>
    /// <param name="labels">Labels that the port was given; null for none.</param>
    public PortSource(Port port, bool inward, VhostUserEndpoint? endpoint, Func<long>? faults = null, IReadOnlyDictionary<string, string>? labels = null)
    {
        _faults = faults;
        _port = port;
        _inward = inward;
        Endpoint = endpoint;
        Labels = new SeriesLabels(labels, ("port", port.Name), ("kind", port.Kind), ("direction", inward ? "in" : "out"));
        PortLabels = new SeriesLabels(labels, ("port", port.Name), ("kind", port.Kind));
    }

    /// <summary>The labels of this direction's series.</summary>
    public SeriesLabels Labels { get; }

    /// <summary>The labels of the port's series, which have no direction.</summary>
    public SeriesLabels PortLabels { get; }

    /// <summary>The port's name.</summary>
    public string Name => _port.Name;

    /// <summary>The port's kind.</summary>
    public string Kind => _port.Kind;

    /// <summary>The network that it is in, or null. Any thread.</summary>
    public string? Network => _port.Network?.Name;

    /// <summary>Whether this object stands for the port in series without direction.</summary>
    public bool IsFirst => _inward;

    /// <summary>Whether the port can take frames.</summary>
    public bool IsUp => _port.IsUp;

    /// <summary>Errors of the port's system calls; null while there were none. Any thread.</summary>
    public CallErrors? Errors => _port.Errors;

    /// <summary>How often a callback of the port or its session threw. Any thread.</summary>
    public long Faults => _faults?.Invoke() ?? 0;

    /// <summary>What a user port keeps for its guest; null for other kinds.</summary>
    public UserPortUse? UserUse => (_port as UserPort)?.Use;

    /// <summary>A guest's endpoint, or null.</summary>
    public VhostUserEndpoint? Endpoint { get; }

    /// <summary>Frames in the last full second.</summary>
    public double FramesPerSecond { get; private set; }

    /// <summary>Bytes in the last full second.</summary>
    public double BytesPerSecond { get; private set; }

    /// <summary>Reads the counters. Any thread.</summary>
    public void Read(out FrameCounters counters)
    {
        if (_inward)
        {
            _port.ReadCounters(out counters, out _);
        }
        else
        {
            _port.ReadCounters(out _, out counters);
        }
    }

    /// <summary>Ends one interval of the rates and begins the next. Control thread.</summary>
    public void Sample(long nowNs)
    {
        Read(out FrameCounters counters);
        double seconds = (nowNs - _lastNs) / 1e9;
        if (_lastNs != 0 && seconds > 0)
        {
            FramesPerSecond = (counters.Frames - _lastFrames) / seconds;
            BytesPerSecond = (counters.Bytes - _lastBytes) / seconds;
        }

        _lastNs = nowNs;
        _lastFrames = counters.Frames;
        _lastBytes = counters.Bytes;
    }
}
