namespace VhostNet.VirtioNet.Ports.Pcap;

/// <summary>What a <see cref="PcapReader"/> has next.</summary>
internal enum ReplayState
{
    /// <summary>A frame.</summary>
    Frame,

    /// <summary>Nothing until the file's thread has read on; it calls then.</summary>
    Waiting,

    /// <summary>Nothing found within this turn's budget: to be asked again.</summary>
    Spent,

    /// <summary>The file's end, or a failure.</summary>
    End,
}
