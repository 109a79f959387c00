using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>What the handler of a request answers; one per session, reused.</summary>
internal sealed class Reply
{
    private readonly byte[] _payload = new byte[MessageHeader.PayloadSizeMax];
    private int _length;

    /// <summary>Whether the handler made a reply of its own.</summary>
    public bool IsOwn { get; private set; }

    /// <summary>Why the device declined, or null.</summary>
    public string? Declined { get; private set; }

    /// <summary>The payload of an own reply.</summary>
    public ReadOnlySpan<byte> Payload => _payload.AsSpan(0, _length);

    /// <summary>A descriptor that goes with it; closed after it was sent.</summary>
    public FileDescriptor? Descriptor { get; set; }

    /// <summary>Begins a new request.</summary>
    public void Clear()
    {
        IsOwn = false;
        Declined = null;
        _length = 0;
        Descriptor?.Dispose();
        Descriptor = null;
    }

    /// <summary>Replies with a structure or number.</summary>
    public void Set<T>(in T value)
        where T : unmanaged
    {
        IsOwn = true;
        _length = Wire.Write(_payload, in value);
    }

    /// <summary>Appends bytes to the reply and returns them to be filled.</summary>
    public Span<byte> Append(int length)
    {
        IsOwn = true;
        Span<byte> added = _payload.AsSpan(_length, length);
        added.Clear();
        _length += length;
        return added;
    }

    /// <summary>Replies with an empty payload, which stands for an error where a payload is expected.</summary>
    public void SetEmpty()
    {
        IsOwn = true;
        _length = 0;
    }

    /// <summary>The device does not do what was asked. That is no fault of the front end: it learns of it when it asked for an acknowledgement.</summary>
    public void Decline(string reason) => Declined = reason;
}
