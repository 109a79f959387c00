namespace VhostNet.TestKit;

/// <summary>The kinds of machine that a guest can be, all of them emulated.</summary>
public enum GuestMachine
{
    /// <summary>A PC: little-endian, its network card on PCI.</summary>
    Pc,

    /// <summary>An IBM Z: big-endian, its network card a channel device, which is a legacy one with <c>max_revision=0</c>.</summary>
    S390,
}
