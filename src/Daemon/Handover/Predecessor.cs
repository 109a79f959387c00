using System.Text.Json;
using VhostNet.Aio.Timers;
using VhostNet.Daemon.Common;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Handover;

/// <summary>
/// The daemon that this process takes over from. It forwards until this process has prepared everything, and goes on if nothing comes of it. One thread.
/// </summary>
internal sealed class Predecessor : IDisposable
{
    // It waits that long for a moment at which all its sessions can be captured, and a little longer.
    private static readonly TimeSpan s_finalLimit = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan s_noteLimit = TimeSpan.FromSeconds(10);

    private readonly HandoverChannel _channel;
    private readonly HandoverMessage _first;
    private readonly string _name;

    private Predecessor(string name, HandoverChannel channel, int process, HandoverMessage first, HandoverState state)
    {
        _name = name;
        _channel = channel;
        _first = first;
        Process = process;
        State = state;
    }

    /// <summary>Raised once this process has taken over and the service manager knows of it.</summary>
    public event Action? Over;

    /// <summary>Its process id.</summary>
    public int Process { get; }

    /// <summary>What it was when this process met it.</summary>
    public HandoverState State { get; }

    /// <summary>The descriptors that <see cref="State"/> refers to.</summary>
    public DescriptorList Descriptors => _first.Descriptors;

    /// <summary>Whether this process forwards now, and the other one does not any more.</summary>
    public bool HasSwitched { get; private set; }

    /// <summary>How long no frame was forwarded, in nanoseconds.</summary>
    public long GapNs { get; private set; }

    /// <summary>Meets the daemon behind a control socket, and learns what it is.</summary>
    /// <exception cref="RefusalException">It can't be taken over; it was not touched.</exception>
    public static Predecessor Approach(string controlSocket)
    {
        string name = $"--take-over {controlSocket}";
        try
        {
            return Meet(name, ControlRequest.AskForTakeOver(controlSocket));
        }
        catch (Exception e) when (e is HandoverException or ErrnoException or InvalidDataException)
        {
            throw new RefusalException(RefusalKind.Resource, $"{name}: {e.Message}", e);
        }
    }

    /// <summary>
    /// Has the other process end its turns, and goes on in its place. Whatever is thrown here leaves the other one running.
    /// </summary>
    /// <param name="restore">Makes everything as it is there at last, without letting a frame pass; may throw.</param>
    /// <param name="letGo">Lets frames pass; throws nothing that can be helped.</param>
    /// <exception cref="RefusalException">Nothing came of it; the other process goes on.</exception>
    public void SwitchOver(Action<HandoverState, DescriptorList> restore, Action letGo)
    {
        try
        {
            _channel.Send(HandoverKind.Ready, string.Empty, s_noteLimit);
            using HandoverMessage last = _channel.Receive(HandoverKind.Final, s_finalLimit);
            HandoverState state = HandoverState.FromBytes(last.Payload);
            using var baton = Baton.Open(last.Descriptors.Duplicate(state.Baton));
            restore(state, last.Descriptors);
            if (!baton.TryTake())
            {
                throw new HandoverException("process " + Process + " has given up waiting and goes on");
            }

            HasSwitched = true;
            letGo();
            GapNs = AioClock.Monotonic.NowNs - state.HeldSinceNs;
            _channel.Send(HandoverKind.Started, string.Empty, s_noteLimit);
        }
        catch (Exception e) when (!HasSwitched)
        {
            _channel.TrySendFailure(e.Message);
            throw e as RefusalException ?? new RefusalException(RefusalKind.Resource, $"{_name}: {e.Message}; process {Process} goes on", e);
        }
    }

    /// <summary>Waits until the other process has told the service manager of this one; it may be gone before.</summary>
    public void WaitUntilOver()
    {
        try
        {
            _channel.Receive(HandoverKind.Over, s_noteLimit).Dispose();
        }
        catch (HandoverException)
        {
            // This process goes on in any case.
        }

        Over?.Invoke();
    }

    /// <summary>Says why this process does not take over, unless it did; the other one goes on.</summary>
    public void GiveUp(string reason)
    {
        if (!HasSwitched)
        {
            _channel.TrySendFailure(reason);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _channel.Dispose();
        _first.Dispose();
    }

    private static Predecessor Meet(string name, string socket)
    {
        var channel = new HandoverChannel(AbstractSocket.Connect(socket));
        HandoverMessage? first = null;
        try
        {
            ucred peer = UnixSocket.PeerOf(channel.Socket.Value);
            if (!PeerAccount.MayHandOver(peer.uid))
            {
                throw new HandoverException(
                    $"process {peer.pid}, which waits there, belongs to user {peer.uid}; only one of user {geteuid()} or of root is believed");
            }

            channel.Send(HandoverKind.Hello, JsonSerializer.SerializeToUtf8Bytes(HelloRecord.Own, HandoverJson.Default.HelloRecord), [], s_noteLimit);
            first = channel.Receive(HandoverKind.State, s_finalLimit);
            return new Predecessor(name, channel, peer.pid, first, HandoverState.FromBytes(first.Payload));
        }
        catch (Exception e)
        {
            channel.TrySendFailure(e.Message);
            first?.Dispose();
            channel.Dispose();
            throw;
        }
    }
}
