using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <summary>A message as it came from the back end. It owns the descriptors until they are taken out.</summary>
public sealed class ReceivedMessage : IDisposable
{
    private readonly FileDescriptor?[] _files;

    internal ReceivedMessage(MessageHeader header, byte[] payload, FileDescriptor[] files)
    {
        Header = header;
        Payload = payload;
        _files = files;
    }

    /// <summary>The header.</summary>
    internal MessageHeader Header { get; }

    /// <summary>The bytes after the header.</summary>
    public byte[] Payload { get; }

    /// <summary>How many descriptors came with it.</summary>
    public int FileCount => _files.Length;

    /// <summary>The payload as a u64; 0 when it is shorter.</summary>
    public ulong Value => Wire.Read<ulong>(Payload);

    /// <summary>Takes a descriptor over, or null when there is none at that place (any more).</summary>
    public FileDescriptor? TakeFile(int index = 0)
    {
        if (index >= _files.Length)
        {
            return null;
        }

        FileDescriptor? file = _files[index];
        _files[index] = null;
        return file;
    }

    /// <summary>Closes the descriptors that nobody took.</summary>
    public void Dispose()
    {
        foreach (FileDescriptor? file in _files)
        {
            file?.Dispose();
        }
    }
}
