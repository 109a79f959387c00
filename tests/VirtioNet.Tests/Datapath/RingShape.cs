namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>What <see cref="HostileRing"/> fills a ring with.</summary>
public enum RingShape
{
    /// <summary>Buffers of 2 KiB, as a driver offers them.</summary>
    Good,

    /// <summary>Empty descriptors, each naming the next and the last the first (packed: one chain of all slots).</summary>
    EmptyLoop,

    /// <summary>Indirect tables of empty descriptors.</summary>
    EmptyTables,

    /// <summary>Indirect tables of 1,024 descriptors of one byte.</summary>
    OneByteTables,

    /// <summary>Writable buffers where only readable ones belong, or the reverse.</summary>
    WrongDirection,

    /// <summary>A chain of 1,024 descriptors of one byte, which every head names.</summary>
    OneByteChain,

    /// <summary>A chain of 1,023 empty descriptors and a buffer, which every head names.</summary>
    EmptiesThenOne,

    /// <summary>As many malformed chains as are borne, and a good one, over and over.</summary>
    BadThenGood,

    /// <summary>Buffers of one byte: too small for a header.</summary>
    OneByteBuffers,

    /// <summary>Buffers of a header's size.</summary>
    HeaderOnly,

    /// <summary>Buffers of 64 KiB: the longest frames.</summary>
    LongFrames,

    /// <summary>Frames of 64 KiB that are to be cut into 512 segments each (in a receive ring: buffers of 64 KiB).</summary>
    Segmented,

    /// <summary>Anything.</summary>
    Random,
}
