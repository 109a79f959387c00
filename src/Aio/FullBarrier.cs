namespace VhostNet.Aio;

/// <summary>A store or an addition that is a full barrier on both sides.</summary>
internal readonly struct FullBarrier : IBarrier
{
    public static void Store(ref int location, int value) => Interlocked.Exchange(ref location, value);

    public static void Increment(ref long location) => Interlocked.Increment(ref location);
}
