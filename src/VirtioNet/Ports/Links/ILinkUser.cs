using VhostNet.Aio.Faults;

namespace VhostNet.VirtioNet.Ports.Links;

/// <summary>Somebody whose work depends on interfaces of the host. On the watcher's thread.</summary>
internal interface ILinkUser : IFaultOwner
{
    /// <summary>Whether it matters to this one what happened to an interface.</summary>
    bool Concerns(in Link link);

    /// <summary>Looks how things are now; an exception goes to the user's <see cref="IFaultOwner.Fault"/>.</summary>
    void Look();
}
