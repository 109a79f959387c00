using VhostNet.VhostUser.Memory;

namespace VhostNet.VhostUser.Transport;

/// <summary>
/// The descriptors that came with one message. Each can be taken once; what nobody took is closed when the message has been handled. One thread.
/// </summary>
internal sealed class FdCollection : IDisposable
{
    private readonly StrangerCloser? _closer;

    private readonly List<FileDescriptor?> _descriptors = [];

    /// <summary>Makes an empty collection, whose descriptors are closed at once.</summary>
    public FdCollection()
    {
    }

    /// <summary>Makes an empty collection for descriptors of strangers.</summary>
    /// <param name="closer">Closes what comes in.</param>
    internal FdCollection(StrangerCloser? closer) => _closer = closer;

    /// <summary>The highest number among the descriptors that came since the collection was empty; -1 for none.</summary>
    public int HighestNumber { get; private set; } = -1;

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
        HighestNumber = Math.Max(HighestNumber, descriptor.Value);
        _descriptors.Add(descriptor);
    }

    /// <summary>Adds a descriptor that was just received.</summary>
    internal void AddReceived(int fd) => Add(_closer?.Own(fd) ?? new FileDescriptor(fd));

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
        HighestNumber = -1;
    }

    /// <inheritdoc/>
    public void Dispose() => CloseRest();
}
