using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Messages;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Session;

/// <content>The session as a value: captured, paused to be handed over, and made from one.</content>
public sealed partial class VhostUserSession
{
    /// <summary>Whether <see cref="Pause"/> was called and nothing after it.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>
    /// Stops the rings and hears no message, so that the state stays what a snapshot says while another process may take the session over. The front end
    /// notices nothing. <see cref="Continue"/> undoes it.
    /// </summary>
    /// <exception cref="InvalidOperationException">This is not the moment, see <see cref="CanCapture"/>.</exception>
    public void Pause()
    {
        CheckCapture();
        IsPaused = true;
        _session.Channel.Pause();
        _backend.Pause();
        _rings.StopAll();
    }

    /// <summary>Goes on after <see cref="Pause"/>: the rings start where they stood.</summary>
    /// <param name="mayHaveMoved">
    /// Whether somebody else may have worked on the rings meanwhile: then they go on where the guest's memory says, as after a crash.
    /// </param>
    /// <exception cref="Protocol.ProtocolException">A ring could not be started.</exception>
    public void Continue(bool mayHaveMoved = false)
    {
        if (!IsPaused || IsEnded)
        {
            return;
        }

        IsPaused = false;
        foreach (RingState ring in State.Rings)
        {
            if (mayHaveMoved && ring.IsStarted)
            {
                ring.Base = null;
                ring.MayHaveInflight = State.Inflight is not null;
            }
        }

        try
        {
            _rings.BeginWholeTurn();
            _rings.Reconcile();
        }
        finally
        {
            _backend.Continue();
            _session.Channel.Continue();
            CallAll();
        }
    }

    /// <summary>Captures the state; the session and its rings go on.</summary>
    /// <exception cref="InvalidOperationException">This is not the moment, see <see cref="CanCapture"/>.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public SessionSnapshot Capture()
    {
        CheckCapture();
        var writer = new SnapshotWriter();
        try
        {
            VhostUserChannel channel = _session.Channel;
            var data = new SessionData
            {
                Connection = writer.Add(channel.Socket),
                PartialInput = channel.PartialInput.ToArray(),
                PartialDescriptors = [.. channel.PartialDescriptors.Select(writer.Add)],
            };
            data = _session.Groups.Aggregate(data, (sum, group) => group.Capture(sum, writer));
            return new SessionSnapshot(data, writer.Descriptors);
        }
        catch
        {
            writer.Abandon();
            throw;
        }
    }

    /// <summary>
    /// Stops the rings, captures the state and ends the session without the front end noticing: its connection lives on in the snapshot's descriptor.
    /// </summary>
    /// <exception cref="InvalidOperationException">This is not the moment, see <see cref="CanCapture"/>.</exception>
    public SessionSnapshot Detach()
    {
        CheckCapture();
        _rings.StopAll();
        SessionSnapshot snapshot;
        try
        {
            snapshot = Capture();
        }
        catch
        {
            _rings.Reconcile();
            throw;
        }

        _endedBy = SessionEnd.HandedOver;
        _session.Channel.Dispose();
        End("handed over", isError: false);
        return snapshot;
    }

    /// <summary>Builds a session from a snapshot; its rings continue where they stood.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="snapshot">The state; stays the caller's.</param>
    /// <param name="device">The device.</param>
    /// <param name="name">Name in log lines.</param>
    /// <param name="options">How to behave.</param>
    /// <param name="offeredStore">Remembers what is acknowledged from here on; null when nothing does.</param>
    /// <returns>The session, to be started.</returns>
    /// <exception cref="InvalidDataException">The device does not fit the state, or the state does not fit together.</exception>
    /// <exception cref="GuestMemoryException">Guest memory can't be mapped.</exception>
    public static VhostUserSession Resume(
        AioContext context, SessionSnapshot snapshot, IVhostUserDevice device, string name, SessionOptions options, OfferedFeatureStore? offeredStore = null)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(device);
        if ((snapshot.Data.Features & ~(device.Features | VirtioFeatures.PROTOCOL_FEATURES)) is not 0 and var missing)
        {
            throw new InvalidDataException($"the guest uses features 0x{missing:x} that the device does not have");
        }

        var session = new VhostUserSession(context, snapshot.Duplicate(snapshot.Data.Connection), device, name, options, offeredStore);
        session._isResumed = true;
        try
        {
            session.Restore(snapshot);
            return session;
        }
        catch
        {
            session._session.Channel.Dispose();
            session.End("its state could not be restored", isError: true);
            throw;
        }
    }

    private void Restore(SessionSnapshot snapshot)
    {
        SessionData data = snapshot.Data;
        _hasMessages = true;
        _session.Channel.RestorePartialInput(
            [.. data.PartialInput], data.PartialDescriptors.Select(place => _session.Closer.Own(snapshot.Duplicate(place))));
        foreach (MessageGroup group in _session.Groups)
        {
            group.Restore(snapshot);
        }

        // All at once, whatever they cost: no guest asked for this, and a ring that starts later would lose what comes for it meanwhile.
        _rings.BeginWholeTurn();
        _rings.Reconcile();
        _session.Limits.UpdateUse();
        CallAll();
    }

    private void CheckCapture()
    {
        if (!CanCapture)
        {
            throw new InvalidOperationException("The session can't be captured now; try again when the loop has run.");
        }
    }

    /// <summary>Has the guest look at all its rings: whoever worked on them before may have ended between using chains and saying so.</summary>
    private void CallAll()
    {
        foreach (RingState ring in State.Rings)
        {
            ring.Call?.Set();
            ring.Queue?.CallInBand?.Invoke();
        }
    }
}
