namespace VhostNet.Daemon.Handover;

/// <summary>The sockets of the control API and of the metrics, for whoever hands them over. Any thread.</summary>
internal interface IListeningSockets
{
    /// <summary>The sockets that listen; they stay their owner's.</summary>
    IEnumerable<ListeningSocket> Listening { get; }

    /// <summary>Another process goes on listening: names in the file system are left alone at the end.</summary>
    void Abandon();
}
