using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// The area in which the back end records what is in flight, as the front end has it: it keeps the file across the back end's restart and gives it back,
/// and need not know what is in it.
/// </summary>
/// <param name="description">What the back end said of it.</param>
/// <param name="file">The file; owned by this object.</param>
public sealed class InflightHandle(InflightPayload description, FileDescriptor file) : IDisposable
{
    /// <summary>Size, offset, number of queues and their size.</summary>
    public InflightPayload Description { get; } = description;

    /// <summary>The file behind the area.</summary>
    public FileDescriptor File { get; } = file;

    /// <summary>Closes the file.</summary>
    public void Dispose() => File.Dispose();
}
