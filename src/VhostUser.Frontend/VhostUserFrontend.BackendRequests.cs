namespace VhostNet.VhostUser.Frontend;

/// <content>Requests of the back end.</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>The channel for requests of the back end, once <see cref="OpenBackendRequests"/> made it.</summary>
    public BackendRequestChannel? BackendRequests { get; private set; }

    /// <summary>Makes a socket pair, gives the back end one of them (SET_BACKEND_REQ_FD) and keeps the other.</summary>
    /// <param name="handler">
    /// Handles each request on a thread of its own and returns its result (0 for success); it may call this front end, for instance to answer an IOTLB
    /// miss. Null to receive requests with <see cref="BackendRequestChannel.Receive"/>.
    /// </param>
    public BackendRequestChannel OpenBackendRequests(Func<ReceivedMessage, ulong>? handler = null)
    {
        (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
        BackendRequests?.Dispose();
        BackendRequests = new BackendRequestChannel(ours, handler);
        using (theirs)
        {
            SetBackendReqFd(theirs);
        }

        return BackendRequests;
    }
}
