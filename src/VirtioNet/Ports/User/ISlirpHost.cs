namespace VhostNet.VirtioNet.Ports.User;

/// <summary>What a <see cref="SlirpStack"/> needs of its surroundings. All but the constructor's calls come on the thread that works on the stack.</summary>
internal interface ISlirpHost
{
    /// <summary>A frame for the guest; valid during the call.</summary>
    void SendFrame(ReadOnlySpan<byte> frame);

    /// <summary>The guest sent something malformed.</summary>
    void GuestError();

    /// <summary>Makes a timer, to be reported with these two values; returns its handle, which is not 0.</summary>
    nint CreateTimer(int id, nint cookie);

    /// <summary>Arms a timer for a time in milliseconds of the monotonic clock.</summary>
    void SetTimer(nint timer, long milliseconds);

    /// <summary>Deletes a timer.</summary>
    void FreeTimer(nint timer);

    /// <summary>A descriptor was opened, connected or accepted: whatever is known of its number is out of date.</summary>
    void PollFdOpened(int fd);

    /// <summary>A descriptor is about to be closed.</summary>
    void PollFdClosed(int fd);

    /// <summary>A descriptor to watch in this round; returns its place in the list.</summary>
    int AddPollFd(int fd, short events);

    /// <summary>What was found for a place of the last round's list.</summary>
    short PollFdFound(int index);

    /// <summary>There may be something to do although no descriptor says so.</summary>
    void Notify();
}
