namespace VhostNet.LibC;

/// <summary>Descriptors and mappings that nobody disposed of, so that the finalizer thread had to give them back.</summary>
internal static class ForgottenHandles
{
    private static long s_count;

    /// <summary>How many since the process started. Any thread.</summary>
    public static long Count => Interlocked.Read(ref s_count);

    /// <summary>The finalizer thread has one that is open; counted unless it was none of the kernel's, or was disposed of.</summary>
    internal static void CountUnless(bool settled)
    {
        if (!settled)
        {
            Interlocked.Increment(ref s_count);
        }
    }
}
