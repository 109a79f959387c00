namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>What an address of a <see cref="LeaseTable"/> is.</summary>
internal enum LeaseState : byte
{
    /// <summary>Nobody's.</summary>
    Free,

    /// <summary>Offered to a client, which has not taken it yet.</summary>
    Offered,

    /// <summary>A client's, until its time is over.</summary>
    Bound,

    /// <summary>In use by somebody whom we don't know, as a client found out (DHCPDECLINE); left alone for a time.</summary>
    Declined,

    /// <summary>Never given away.</summary>
    Reserved,
}
