namespace VhostNet.VhostUser.Backend;

/// <summary>The kinds of <see cref="DeviceRequest"/>.</summary>
public enum DeviceRequestKind
{
    /// <summary>Announce the guest in its network after a migration (SEND_RARP).</summary>
    Announce,

    /// <summary>The guest's MTU (NET_SET_MTU).</summary>
    SetMtu,

    /// <summary>The virtio device status changed (SET_STATUS).</summary>
    StatusChanged,

    /// <summary>Back to the initial state, owner kept (RESET_DEVICE).</summary>
    Reset,

    /// <summary>A session begins, with the front end's process id as value, 0 when it is not known. Not sent for one that was captured and goes on.</summary>
    Connected,

    /// <summary>The session ended: forget the guest. Sent once, after all rings were stopped.</summary>
    Disconnected,
}
