using VhostNet.Aio;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VhostUser.Virtqueues.Tracking;

namespace VhostNet.VhostUser.Backend.State;

/// <summary>
/// What the front end said of one ring, and the virtqueue that runs because of it ("Ring states"). Messages change the first; the reconciler
/// derives the second. Control thread.
/// </summary>
internal sealed class RingState(int index) : IDisposable
{
    /// <summary>Most descriptors of a ring.</summary>
    public const int SizeMax = 32768;

    /// <summary>1 while a VRING_CALL message is due; set by datapath threads.</summary>
    public int CallPending;

    private DirtyLog? _log;

    /// <summary>Number on the wire.</summary>
    public int Index { get; } = index;

    /// <summary>Descriptors (SET_VRING_NUM); 0 until it is told.</summary>
    public int Size { get; set; }

    /// <summary>Addresses (SET_VRING_ADDR), or null until they are told.</summary>
    public VringAddress? Address { get; set; }

    /// <summary>Where to start (SET_VRING_BASE), or where the ring was stopped; null until either happened.</summary>
    public uint? Base { get; set; }

    /// <summary>Set by SET_VRING_KICK, cleared by GET_VRING_BASE.</summary>
    public bool IsStarted { get; set; }

    /// <summary>Set by SET_VRING_ENABLE, or for all rings by SET_FEATURES without PROTOCOL_FEATURES. Kept while the ring is stopped.</summary>
    public bool IsEnabled { get; set; }

    /// <summary>A legacy guest of the other byte order (SET_VRING_ENDIAN).</summary>
    public bool IsBigEndian { get; set; }

    /// <summary>Whether SET_VRING_ENDIAN came.</summary>
    public bool IsEndianSet { get; set; }

    /// <summary>The guest's kicks; null in poll mode.</summary>
    public EventNotifier? Kick { get; set; }

    /// <summary>True when <see cref="Kick"/> is ours, set by VRING_KICK messages.</summary>
    public bool IsKickInBand { get; set; }

    /// <summary>The guest's interrupts; null when it polls.</summary>
    public EventNotifier? Call { get; set; }

    /// <summary>Told when the ring breaks; null when nobody wants to know.</summary>
    public EventNotifier? Error { get; set; }

    /// <summary>Records what is in flight; null without an inflight area. Made when the ring starts.</summary>
    public IInflightTracker? Inflight { get; set; }

    /// <summary>True from SET_INFLIGHT_FD to the ring's next start: another back end may have left something in the area.</summary>
    public bool MayHaveInflight { get; set; }

    /// <summary>The virtqueue while the ring runs.</summary>
    public Virtqueue? Queue { get; set; }

    /// <summary>What a started ring still waits for, for the log; null when nothing.</summary>
    public string? WaitsFor { get; set; }

    /// <summary>The ring's view of the dirty log: the same object as long as the log is the same.</summary>
    public IDirtyLog LogFor(DirtyLogArea area)
    {
        if (_log?.Area != area)
        {
            _log = new DirtyLog(area);
        }

        return _log;
    }

    /// <summary>Forgets the kick notifier: the ring waits for the next SET_VRING_KICK.</summary>
    public void DropKick()
    {
        Kick?.Dispose();
        Kick = null;
        IsKickInBand = false;
    }

    /// <summary>
    /// Back to the initial state (RESET_DEVICE): stopped, disabled, nothing told. The guest's call and error notifiers stay. The ring must not run.
    /// </summary>
    public void Reset()
    {
        DropKick();
        IsStarted = false;
        IsEnabled = false;
        Size = 0;
        Address = null;
        Base = null;
        IsEndianSet = false;
        IsBigEndian = false;
        Inflight = null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DropKick();
        Call?.Dispose();
        Call = null;
        Error?.Dispose();
        Error = null;
    }
}
