namespace VhostNet.Aio.BottomHalves;

/// <summary>What a bottom half needs of the loop that runs it.</summary>
internal interface IBottomHalfLoop
{
    /// <summary>Takes a bottom half that the home thread schedules. Any thread.</summary>
    /// <returns>False when the caller is another thread; nothing was done.</returns>
    bool TryEnqueueLocally(BottomHalf bottomHalf);

    /// <summary>Takes a scheduled bottom half, and wakes the loop. Any thread.</summary>
    /// <param name="bottomHalf">The bottom half.</param>
    /// <param name="link">It is in no list yet.</param>
    void Enqueue(BottomHalf bottomHalf, bool link);

    /// <summary>Runs what was posted to the loop's synchronization context. Home thread.</summary>
    void RunPosted(SendOrPostCallback callback, object? state);

    /// <summary>Takes a one-shot back into the pool. Home thread.</summary>
    void ReturnOneShot(BottomHalf bottomHalf);
}
