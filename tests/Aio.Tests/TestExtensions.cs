namespace VhostNet.Aio.Tests;

internal static class TestExtensions
{
    public static void DisposeUnder(this AioContext context, Lock pollLock)
    {
        lock (pollLock)
        {
            context.Dispose();
        }
    }
}
