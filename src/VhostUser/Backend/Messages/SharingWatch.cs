using VhostNet.Aio;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// Says, once a session, that guest memory is not shared, as when share=on is missing: nothing would ever arrive, and nothing else would tell why. Control
/// thread.
/// </summary>
/// <param name="session">The session.</param>
internal sealed class SharingWatch(SessionContext session)
{
    private bool _checked;

    /// <summary>Looks at front ends' mappings for all sessions. When it is held up the others' are not looked at, which costs them a hint in the log.</summary>
    public static BackgroundThread Probe { get; } = new("sharing-probe", 16);

    /// <summary>A ring is about to run: QEMU hands over a private memory-backend-memfd as if it were a shared one.</summary>
    public void WarnOfPrivateMemory()
    {
        if (!_checked && session.Options.LooksForPrivateMemory)
        {
            _checked = true;
            session.Turn.TakeCalls(session.State.Memory.Regions.Count, 0);
            FileIdentity[] files = [.. session.State.Memory.Regions.Select(r => FileIdentity.Of(r.File)).OfType<FileIdentity>()];
            Probe.TryPost(() => LookForPrivateMemory(files));
        }
    }

    /// <summary>A ring can't run: QEMU hands over no region at all when the guest's memory has no file behind it.</summary>
    public void WarnOfMissingMemory()
    {
        if (!_checked && session.State.Memory.Regions.Count == 0)
        {
            _checked = true;
            Warn("no guest memory was handed over");
        }
    }

    /// <summary>On the probe's thread.</summary>
    private void LookForPrivateMemory(FileIdentity[] files)
    {
        if (SharingProbe.IsAnyPrivate(files, session.PeerProcess, out _))
        {
            session.Loop.ScheduleOneShot(
                () => Warn("the front end maps the guest memory that it handed over privately, so nothing that the guest writes arrives here"), "sharing");
        }
    }

    private void Warn(string what) =>
        session.Log.Warning($"{what}: share=on is missing; with QEMU write -object memory-backend-memfd,id=mem,size=SIZE,share=on -numa node,memdev=mem");
}
