using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>What a port does with all of its queues alike. Control thread.</summary>
internal static class FdQueueExtensions
{
    /// <summary>None of them reads until <see cref="LetGo"/>; see <see cref="FdQueue.Hold"/>.</summary>
    public static void Hold(this FdQueue[] queues)
    {
        foreach (FdQueue queue in queues)
        {
            queue.Hold();
        }
    }

    /// <summary>All read again.</summary>
    public static void LetGo(this FdQueue[] queues)
    {
        foreach (FdQueue queue in queues)
        {
            queue.LetGo();
        }
    }

    /// <summary>Throws away what was for another guest; see <see cref="FdQueue.Flush"/>.</summary>
    public static void Flush(this FdQueue[] queues)
    {
        foreach (FdQueue queue in queues)
        {
            queue.Flush();
        }
    }

    /// <summary>Each takes over the frames that its twin in another process held back, before it starts.</summary>
    /// <exception cref="InvalidDataException">They are too many, or too long.</exception>
    public static void Restore(this FdQueue[] queues, PortState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        for (int i = 0; i < queues.Length; i++)
        {
            queues[i].Restore(state.Held.Where(f => f.Queue == i));
        }
    }
}
