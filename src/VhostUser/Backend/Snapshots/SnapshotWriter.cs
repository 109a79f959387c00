using VhostNet.Aio;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>Collects the parts of a <see cref="SessionSnapshot"/>, duplicating each descriptor.</summary>
internal sealed class SnapshotWriter
{
    private readonly List<FileDescriptor> _descriptors = [];

    /// <summary>The descriptors so far.</summary>
    public IReadOnlyList<FileDescriptor> Descriptors => _descriptors;

    /// <summary>Adds a descriptor.</summary>
    /// <returns>Its place, -1 for none.</returns>
    public int Add(FileDescriptor? descriptor)
    {
        if (descriptor is null)
        {
            return -1;
        }

        _descriptors.Add(descriptor.Duplicate());
        return _descriptors.Count - 1;
    }

    /// <summary>Adds a notifier's descriptor.</summary>
    /// <returns>Its place, -1 for none.</returns>
    public int Add(EventNotifier? notifier)
    {
        if (notifier is null)
        {
            return -1;
        }

        _descriptors.Add(FileDescriptor.FromResult(fcntl(notifier.Fd, F_DUPFD_CLOEXEC), $"fcntl({notifier.Fd}, F_DUPFD_CLOEXEC)"));
        return _descriptors.Count - 1;
    }

    /// <summary>The data of a ring, or null when nothing was told of it.</summary>
    public RingData? Ring(RingState ring)
    {
        var data = new RingData { Index = ring.Index };
        RingData full = data with
        {
            Size = ring.Size,
            Address = ring.Address,
            Base = ReadBase(ring),
            IsStarted = ring.IsStarted,
            IsEnabled = ring.IsEnabled,
            IsBigEndian = ring.IsEndianSet ? ring.IsBigEndian : null,
            Kick = ring.IsKickInBand ? -1 : Add(ring.Kick),
            IsKickInBand = ring.IsKickInBand,
            Call = Add(ring.Call),
            Error = Add(ring.Error),
        };
        return full == data ? null : full;
    }

    /// <summary>The data of guest memory.</summary>
    public IReadOnlyList<RegionData> Regions(MemoryTable memory) => [.. memory.Regions.Select(r => new RegionData(r.Description, Add(r.File)))];

    /// <summary>Closes what was collected, when the snapshot could not be finished.</summary>
    public void Abandon() => _descriptors.ForEach(d => d.Dispose());

    private static uint? ReadBase(RingState ring)
    {
        if (ring.Queue is not { } queue)
        {
            return ring.Base;
        }

        uint position = 0;
        queue.RunLocked(locked => position = locked.Base);
        return position;
    }
}
