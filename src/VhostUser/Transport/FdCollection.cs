namespace VhostNet.VhostUser.Transport;

/// <summary>
/// The descriptors that came with one message. Each can be taken once; what nobody took is closed when the message has been handled. One thread.
/// </summary>
public sealed class FdCollection : IDisposable
{
    private readonly List<FileDescriptor?> _descriptors = [];

    /// <summary>How many descriptors came, taken ones included.</summary>
    public int Count => _descriptors.Count;

    /// <summary>Whether none came.</summary>
    public bool IsEmpty => _descriptors.Count == 0;

    /// <summary>The descriptors that were not taken; they stay this collection's.</summary>
    public IEnumerable<FileDescriptor> Untaken => _descriptors.OfType<FileDescriptor>();

    /// <summary>Adds a descriptor, which this collection owns from here on.</summary>
    public void Add(FileDescriptor descriptor)
    {
        ArgumentNullException.ThrowIfNull(descriptor);
        _descriptors.Add(descriptor);
    }

    /// <summary>Hands the descriptor at <paramref name="index"/> to the caller.</summary>
    /// <exception cref="InvalidOperationException">It was taken before.</exception>
    public FileDescriptor Take(int index)
    {
        FileDescriptor descriptor = _descriptors[index] ?? throw new InvalidOperationException($"descriptor {index} was taken before");
        _descriptors[index] = null;
        return descriptor;
    }

    /// <summary>Closes what nobody took and makes the collection empty, ready for the next message.</summary>
    public void CloseRest()
    {
        foreach (FileDescriptor? descriptor in _descriptors)
        {
            descriptor?.Dispose();
        }

        _descriptors.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => CloseRest();
}
