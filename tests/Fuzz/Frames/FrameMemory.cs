using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Frames;

/// <summary>A guest's memory, kept over cases.</summary>
internal sealed class FrameMemory : IDisposable
{
    private const ulong RingsAt = 0x1000_0000, InboxAt = 0x2000_0000, OutboxAt = 0x1_0000_0000;

    public FrameMemory(string name, int inboxSize, int outboxSize)
    {
        Guest = GuestMemory.Create(512 << 10, RingsAt);
        Inbox = new Playground(Guest, $"{name}'s receive buffers", InboxAt, inboxSize / 2, inboxSize / 2);
        Outbox = new Playground(Guest, $"{name}'s frames", OutboxAt, outboxSize / 2, outboxSize / 2);
    }

    public GuestMemory Guest { get; }

    /// <summary>Where receive buffers lie.</summary>
    public Playground Inbox { get; }

    /// <summary>Where the frames lie that it sends.</summary>
    public Playground Outbox { get; }

    /// <summary>As it was made.</summary>
    public void Reset()
    {
        Guest.FreeAll();
        Inbox.Reset();
        Outbox.Reset();
    }

    public void Dispose() => Guest.Dispose();
}
