using System.Buffers;
using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Api;

/// <summary>
/// Has the control thread write answers. A buffer belongs to whoever writes into it: it comes back to the next request when its writer is done with it, and
/// with a request that gave up earlier it goes. Any thread.
/// </summary>
/// <param name="control">The control thread, which is waited for no longer than <see cref="ControlQueue.Patience"/>.</param>
internal sealed class ControlAnswers(ControlQueue control)
{
    private ScratchBuffer? _spare;

    /// <summary>Takes a buffer for an answer that the calling thread writes.</summary>
    public ScratchBuffer Rent() => Interlocked.Exchange(ref _spare, null) ?? new ScratchBuffer();

    /// <summary>Gives a buffer back, into which nobody writes any more.</summary>
    public void Return(ScratchBuffer buffer)
    {
        buffer.Clear();
        Volatile.Write(ref _spare, buffer);
    }

    /// <summary>Has the control thread write an answer.</summary>
    /// <returns>The answer, which the caller returns.</returns>
    /// <exception cref="RefusalException">
    /// The control thread did not come round to it (<see cref="RefusalKind.Busy"/>), or what <paramref name="write"/> threw.
    /// </exception>
    public async Task<ScratchBuffer> WriteAsync(Action<Utf8JsonWriter> write)
    {
        ScratchBuffer buffer = Rent();
        try
        {
            await control.RunAsync(() =>
            {
                write(buffer.Json);
                buffer.Json.Flush();
            }).ConfigureAwait(false);
        }
        catch (RefusalException e) when (e.Kind == RefusalKind.Busy)
        {
            // The control thread may be writing into it at this moment.
            throw;
        }
        catch
        {
            Return(buffer);
            throw;
        }

        buffer.Bytes.Write("\n"u8);
        return buffer;
    }
}
