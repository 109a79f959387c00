using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// The messages about one subject: their handlers, and what only they keep. A handler runs after the message's row was checked; it changes the state once
/// nothing can fail any more, and the rings follow afterwards. Control thread.
/// </summary>
/// <param name="session">What all groups share.</param>
internal abstract class MessageGroup(SessionContext session)
{
    /// <summary>False while something is half done that a snapshot could not hold.</summary>
    public virtual bool CanCapture => true;

    /// <summary>Descriptors of the front end that this group keeps (quotas.descriptors).</summary>
    public virtual int KeptDescriptors => 0;

    /// <summary>What all groups share.</summary>
    protected SessionContext Session { get; } = session;

    /// <summary>All that the front end has said.</summary>
    protected SessionState State => Session.State;

    /// <summary>What the present message is answered with.</summary>
    protected Reply Reply => Session.Reply;

    /// <summary>Where the session says what happens.</summary>
    protected SessionLogWriter Log => Session.Log;

    /// <summary>The turn that messages are handled in.</summary>
    protected ref TurnBudget Turn => ref Session.Turn;

    /// <summary>Enters a handler for each message of the group.</summary>
    public abstract void Register(HandlerTable table);

    /// <summary>How many of the kept descriptors a message gives back for those that come with it.</summary>
    public virtual int CountReplaced(RequestCode code, ReadOnlySpan<byte> payload) => 0;

    /// <summary>Adds what the group knows to a snapshot.</summary>
    public virtual SessionData Capture(SessionData data, SnapshotWriter writer) => data;

    /// <summary>Takes over what the group knew when the snapshot was made. Groups before this one in the session's order have done so.</summary>
    /// <exception cref="InvalidDataException">The state does not fit together, or not the device.</exception>
    /// <exception cref="Memory.GuestMemoryException">Something can't be mapped.</exception>
    public virtual void Restore(SessionSnapshot snapshot)
    {
    }

    /// <summary>The session ends; no ring runs any more.</summary>
    public virtual void Close()
    {
    }

    /// <summary>1 for something that is kept, else 0.</summary>
    protected static int Count(object? kept) => kept is null ? 0 : 1;
}
