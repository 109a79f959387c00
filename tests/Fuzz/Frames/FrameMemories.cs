namespace VhostNet.Fuzz.Frames;

/// <summary>Memories by name and size that no guest uses at present.</summary>
internal sealed class FrameMemories : IDisposable
{
    private readonly Dictionary<(string Name, int Inbox, int Outbox), FrameMemory> _free = [];

    /// <summary>Makes those that cases will ask for, so that none of them seems to have left one behind.</summary>
    public void Prepare()
    {
        Give("attacker", 128 << 10, 512 << 10, new FrameMemory("attacker", 128 << 10, 512 << 10));
        foreach (string name in (string[])["innocent 1", "innocent 2"])
        {
            foreach (int inbox in (int[])[192 << 10, 640 << 10])
            {
                Give(name, inbox, 32 << 10, new FrameMemory(name, inbox, 32 << 10));
            }
        }
    }

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
