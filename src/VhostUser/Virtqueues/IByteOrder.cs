namespace VhostNet.VhostUser.Virtqueues;

/// <summary>The byte order of a split ring, a type argument so that the common order costs nothing (virtio 1.3 section 2.4.3, SET_VRING_ENDIAN).</summary>
internal interface IByteOrder
{
    static abstract ushort Order(ushort value);

    static abstract uint Order(uint value);

    static abstract ulong Order(ulong value);
}
