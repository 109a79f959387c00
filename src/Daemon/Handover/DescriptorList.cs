namespace VhostNet.Daemon.Handover;

/// <summary>
/// Descriptors that belong to a state, which refers to them by their places. Owns them. One thread.
/// </summary>
internal sealed class DescriptorList : IDisposable
{
    private readonly List<FileDescriptor> _descriptors = [];

    /// <summary>The descriptors, in order.</summary>
    public IReadOnlyList<FileDescriptor> All => _descriptors;

    /// <summary>Adds one, which is this list's from here on.</summary>
    /// <returns>Its place.</returns>
    public int Add(FileDescriptor descriptor)
    {
        _descriptors.Add(descriptor);
        return _descriptors.Count - 1;
    }

    /// <summary>Adds several, which are this list's from here on.</summary>
    /// <returns>Their places.</returns>
    public int[] AddAll(IEnumerable<FileDescriptor> descriptors) => [.. descriptors.Select(Add)];

    /// <summary>A second descriptor of the one at a place.</summary>
    /// <exception cref="InvalidDataException">There is no such place.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public FileDescriptor Duplicate(int place) =>
        place >= 0 && place < _descriptors.Count
            ? _descriptors[place].Duplicate()
            : throw new InvalidDataException($"the state refers to descriptor {place}; it came with {_descriptors.Count}");

    /// <summary>Second descriptors of those at some places; none is left open when one can't be had.</summary>
    /// <exception cref="InvalidDataException">There is no such place.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public IReadOnlyList<FileDescriptor> DuplicateAll(IEnumerable<int> places)
    {
        var copies = new List<FileDescriptor>();
        try
        {
            foreach (int place in places)
            {
                copies.Add(Duplicate(place));
            }

            return copies;
        }
        catch
        {
            copies.ForEach(c => c.Dispose());
            throw;
        }
    }

    /// <summary>Closes all.</summary>
    public void Dispose()
    {
        _descriptors.ForEach(d => d.Dispose());
        _descriptors.Clear();
    }
}
