namespace VhostNet.Fuzz.Frames;

/// <summary>Memories by name and size that no guest uses at present.</summary>
internal sealed class FrameMemories : IDisposable
{
    private readonly Dictionary<(string Name, int Inbox, int Outbox), FrameMemory> _free = [];

    public FrameMemory Take(string name, int inbox, int outbox)
    {
        if (!_free.Remove((name, inbox, outbox), out FrameMemory? memory))
        {
            return new FrameMemory(name, inbox, outbox);
        }

        memory.Reset();
        return memory;
    }

    public void Give(string name, int inbox, int outbox, FrameMemory memory) => _free.Add((name, inbox, outbox), memory);

    public void Dispose()
    {
        foreach (FrameMemory memory in _free.Values)
        {
            memory.Dispose();
        }
    }
}
