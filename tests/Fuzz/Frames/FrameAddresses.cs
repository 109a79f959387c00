namespace VhostNet.Fuzz.Frames;

/// <summary>The Ethernet addresses that play a part.</summary>
internal static class FrameAddresses
{
    public static readonly byte[] Attacker = [2, 0, 0, 0, 0, 0xaa];
    public static readonly byte[] First = [2, 0, 0, 0, 0, 1];
    public static readonly byte[] Second = [2, 0, 0, 0, 0, 2];
    public static readonly byte[] Everybody = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

    /// <summary>These, some of nobody, and some that no station can have.</summary>
    public static readonly byte[][] All =
    [
        Attacker, First, Second, Everybody, [2, 0, 0, 0, 0, 3], [2, 9, 9, 9, 9, 9], [1, 0, 0x5e, 0, 0, 1], [0x33, 0x33, 0, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, 0], [0, 0, 0, 0, 0, 0],
    ];
}
