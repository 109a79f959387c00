using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <summary>The area in which the back end records what is in flight; the front end keeps it across the back end's restart.</summary>
/// <param name="description">What the back end said of it.</param>
/// <param name="file">The file; owned by this object.</param>
public sealed class InflightArea(InflightPayload description, FileDescriptor file) : IDisposable
{
    private Mapping? _mapping;

    /// <summary>Size, offset, number of queues and their size.</summary>
    public InflightPayload Description { get; } = description;

    /// <summary>The file behind the area.</summary>
    public FileDescriptor File { get; } = file;

    /// <summary>The area's bytes, mapped at the first use.</summary>
    public Span<byte> Bytes
    {
        get
        {
            _mapping ??= Mapping.Map(
                File.Value, 0, checked((nuint)(Description.MmapOffset + Description.MmapSize)), PROT_READ | PROT_WRITE, MAP_SHARED);
            return _mapping.AsSpan()[(int)Description.MmapOffset..];
        }
    }

    /// <summary>Unmaps the area and closes its file.</summary>
    public void Dispose()
    {
        _mapping?.Dispose();
        File.Dispose();
    }
}
