namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>The messages that change a ring's state, as <see cref="RingOrderTests"/> combines them.</summary>
public enum RingMessage
{
    FeaturesWithBit30,
    FeaturesWithoutBit30,
    Num256,
    Num128,
    Base,
    AddressInside,
    AddressOutside,
    MemoryGood,
    MemoryElsewhere,
    MemoryNone,
    Kick,
    KickPolled,
    GetBase,
    Enable,
    Disable,
    Reset,
}
