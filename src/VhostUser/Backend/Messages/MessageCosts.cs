namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>What messages take from the turn that they are handled in, in nominal nanoseconds or system calls.</summary>
internal static class MessageCosts
{
    /// <summary>One ring looked at after a message: its layout is built, and the device told when it changed.</summary>
    public const int Ring = 512;

    /// <summary>One region in a new table: sorted three times, retained, released.</summary>
    public const int Region = 512;

    /// <summary>One translation while the space is built anew: found, cut, sorted, merged.</summary>
    public const int Translation = 256;

    /// <summary>System calls that a received notifier takes: what it is, its flags, its close.</summary>
    public const int NotifierCalls = 5;

    /// <summary>System calls that a mapping takes: the file's facts, seals and pages, mmap, munmap, close.</summary>
    public const int MappingCalls = 12;
}
