using VhostNet.Aio;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>What several ports need.</summary>
internal static class PortExtensions
{
    /// <summary>Counts the first <paramref name="done"/> frames of a burst as passed on.</summary>
    public static void CountForwarded(this ref FrameCounters counters, FrameBurst burst, int done)
    {
        counters.Frames += done;
        counters.Bytes += burst.LengthOf(burst.AllFrames[..done]);
    }

    /// <summary>Counts frames that go to nobody outside as delivered by the port. Any data thread, several at once.</summary>
    /// <returns>Their number: all are done with.</returns>
    public static int Swallow(this Port port, FrameBurst burst, ReadOnlySpan<ushort> frames)
    {
        ArgumentNullException.ThrowIfNull(burst);

        // One pair of atomics a burst keeps the counters exact.
        Interlocked.Add(ref port.EgressCounters.Frames, frames.Length);
        Interlocked.Add(ref port.EgressCounters.Bytes, burst.LengthOf(frames));
        return frames.Length;
    }

    /// <summary>
    /// Runs an action where a context's callbacks run, and waits for it. Some thread must poll the context, unless the caller is its home thread.
    /// </summary>
    public static void RunOnHomeThread(this AioContext context, Action action)
    {
        if (context.IsHomeThread)
        {
            action();
        }
        else
        {
            context.SynchronizationContext.Send(static state => ((Action)state!)(), action);
        }
    }

    /// <summary>True when a port other than <paramref name="port"/> is there to take frames. Any thread.</summary>
    public static bool HasReceiver(this Port port)
    {
        if (port.Network?.Ports is { } ports)
        {
            for (int i = 0; i < ports.Count; i++)
            {
                if (ports[i] != port && ports[i].IsUp)
                {
                    return true;
                }
            }
        }

        return false;
    }
}
