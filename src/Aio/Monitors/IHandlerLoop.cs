namespace VhostNet.Aio.Monitors;

/// <summary>What a monitor needs of the loop that it watches for. Home thread unless marked otherwise.</summary>
internal interface IHandlerLoop
{
    /// <summary>Name for messages. Any thread.</summary>
    string Name { get; }

    /// <summary>Changes with each change of the handlers. Any thread.</summary>
    int HandlerVersion { get; }

    /// <summary>Finds a handler by its <see cref="AioHandler.Token"/>; null when it is gone.</summary>
    AioHandler? FindHandler(ulong token);

    /// <summary>A handler's descriptor has events.</summary>
    void MarkReady(ulong token, short events);

    /// <summary>A handler's descriptor turned out to be closed.</summary>
    void LoseHandler(ulong token);

    /// <summary>Copies what is to be watched; the arrays grow as needed.</summary>
    /// <returns>The <see cref="HandlerVersion"/> of the copy.</returns>
    int Snapshot(ref pollfd[] fds, ref ulong[] tokens, out int count);
}
