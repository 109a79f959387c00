namespace VhostNet.VhostUser.Virtqueues;

/// <summary>The ring has this machine's byte order: every modern guest, and every legacy one of the same kind.</summary>
internal readonly struct NativeOrder : IByteOrder
{
    public static ushort Order(ushort value) => value;

    public static uint Order(uint value) => value;

    public static ulong Order(ulong value) => value;
}
