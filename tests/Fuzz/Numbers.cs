namespace VhostNet.Fuzz;

/// <summary>Numbers that break things more often than others.</summary>
internal static class Numbers
{
    private static readonly ulong[] s_special =
    [
        0, 1, 2, 3, 7, 8, 15, 16, 31, 64, 127, 128, 255, 256, 257, 509, 510, 1023, 1024, 4095, 4096, 4097, 32767, 32768, 32769, 65535, 65536, 0x7fff_ffff, 0x8000_0000,
        0xffff_ffff, 0x1_0000_0000, 0x7fff_ffff_ffff_ffff, 0x8000_0000_0000_0000, ulong.MaxValue - 4095, ulong.MaxValue - 1, ulong.MaxValue,
    ];

    /// <summary>The same numbers for the same seed in every process; neighbours have nothing in common (the finaliser of splitmix64).</summary>
    public static Random RandomOf(long seed)
    {
        ulong x = (ulong)seed + 0x9e37_79b9_7f4a_7c15;
        x = (x ^ (x >> 30)) * 0xbf58_476d_1ce4_e5b9;
        x = (x ^ (x >> 27)) * 0x94d0_49bb_1331_11eb;
        return new Random((int)((x ^ (x >> 31)) & int.MaxValue));
    }

    public static ulong Any(this Random random) => random.Next(4) switch
    {
        0 => (ulong)random.NextInt64(long.MinValue, long.MaxValue),
        1 => (ulong)random.NextInt64() >> random.Next(63),
        _ => s_special[random.Next(s_special.Length)] + (random.Next(4) == 0 ? (ulong)random.Next(-2, 3) : 0),
    };

    public static bool OneIn(this Random random, int n) => random.Next(n) == 0;

    public static T Pick<T>(this Random random, params ReadOnlySpan<T> items) => items[random.Next(items.Length)];
}
