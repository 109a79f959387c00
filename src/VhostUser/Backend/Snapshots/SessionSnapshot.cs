using System.Text.Json;
using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Backend.Snapshots;

/// <summary>
/// All of a session's state as one value: data, and the descriptors that it refers to. A session can be built from it, in this process or, when the
/// descriptors are passed along, in another one.
/// </summary>
/// <param name="data">The data.</param>
/// <param name="descriptors">The descriptors; owned by the snapshot.</param>
public sealed class SessionSnapshot(SessionData data, IReadOnlyList<FileDescriptor> descriptors) : IDisposable
{
    /// <summary>The data.</summary>
    public SessionData Data { get; } = data;

    /// <summary>The descriptors, in the order to which the data's numbers refer.</summary>
    public IReadOnlyList<FileDescriptor> Descriptors { get; } = descriptors;

    /// <summary>
    /// Guest memory that is mapped already, from an earlier snapshot of the same session: regions that are still the same are not mapped anew. Stays its
    /// owner's.
    /// </summary>
    internal IReadOnlyList<MemoryRegion> Mapped { get; init; } = [];

    /// <summary>Reads the data back.</summary>
    /// <param name="data">What <see cref="ToBytes"/> made.</param>
    /// <param name="descriptors">The descriptors, in the same order; owned by the snapshot from here on.</param>
    /// <exception cref="InvalidDataException">The data can't be understood.</exception>
    public static SessionSnapshot FromBytes(ReadOnlySpan<byte> data, IReadOnlyList<FileDescriptor> descriptors)
    {
        try
        {
            SessionData parsed = JsonSerializer.Deserialize(data, SessionDataContext.Default.SessionData)
                ?? throw new InvalidDataException("the session's data is empty");
            if (parsed.Version != SessionData.CurrentVersion)
            {
                throw new InvalidDataException($"the session's data has version {parsed.Version}; this program reads version {SessionData.CurrentVersion}");
            }

            return new SessionSnapshot(parsed, descriptors);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"the session's data is damaged: {e.Message}", e);
        }
    }

    /// <summary>The data as bytes (JSON).</summary>
    public byte[] ToBytes() => JsonSerializer.SerializeToUtf8Bytes(Data, SessionDataContext.Default.SessionData);

    /// <summary>A second descriptor of the one at a place.</summary>
    /// <exception cref="InvalidDataException">There is no such place.</exception>
    internal FileDescriptor Duplicate(int place) =>
        place >= 0 && place < Descriptors.Count
            ? Descriptors[place].Duplicate()
            : throw new InvalidDataException($"the session's data refers to descriptor {place}; it came with {Descriptors.Count}");

    /// <summary>The same state, with guest memory that is mapped already. Owns nothing: the descriptors stay this snapshot's.</summary>
    internal SessionSnapshot With(IReadOnlyList<MemoryRegion> mapped) => new(Data, Descriptors) { Mapped = mapped };

    /// <summary>The region of <see cref="Mapped"/> that is the same memory at the same addresses, with one more user; null when there is none.</summary>
    internal MemoryRegion? FindMapped(RegionData data)
    {
        if (data.Descriptor < 0 || data.Descriptor >= Descriptors.Count)
        {
            return null;
        }

        MemoryRegion? found = Mapped.FirstOrDefault(r => r.IsBackedBy(data.Description, Descriptors[data.Descriptor]));
        found?.Retain();
        return found;
    }

    /// <summary>The same, or null for -1.</summary>
    internal FileDescriptor? DuplicateOptional(int place) => place == -1 ? null : Duplicate(place);

    /// <summary>Closes the descriptors.</summary>
    public void Dispose()
    {
        foreach (FileDescriptor descriptor in Descriptors)
        {
            descriptor.Dispose();
        }
    }
}
