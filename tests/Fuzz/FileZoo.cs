using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz;

/// <summary>Descriptors of every kind to be attached to messages, right ones and wrong ones. Made when first asked for.</summary>
internal sealed class FileZoo(Random random) : IDisposable
{
    private readonly List<FileDescriptor> _owned = [];

    public int Eventfd() => Own(eventfd((uint)random.Next(2), EFD_CLOEXEC | (random.OneIn(2) ? EFD_NONBLOCK : 0)));

    public int Memfd(ulong size)
    {
        int file = Own(memfd_create("fuzz", MFD_CLOEXEC));
        _ = ftruncate(file, (long)Math.Min(size, 1UL << 30));
        return file;
    }

    public int Any()
    {
        switch (random.Next(7))
        {
            case 0:
                return Own(open("/dev/null", O_RDWR | O_CLOEXEC));
            case 1:
                _ = pipe2(out int readEnd, out int writeEnd, O_CLOEXEC);
                Own(readEnd);
                Own(writeEnd);
                return random.OneIn(2) ? readEnd : writeEnd;
            case 2:
                (FileDescriptor first, FileDescriptor second) = SocketPair.Create();
                _owned.Add(first);
                _owned.Add(second);
                return first.Value;
            case 3:
                return Own(open("/proc/self/status", O_RDONLY | O_CLOEXEC));
            case 4:
                return Memfd(random.Any() >> 20);
            default:
                return Eventfd();
        }
    }

    /// <summary>A socket or pipe whose other end stays open and silent, or is closed, or says something.</summary>
    public int Channel(bool pipe)
    {
        int near, far;
        if (pipe)
        {
            _ = pipe2(out near, out far, O_CLOEXEC);
        }
        else
        {
            _ = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, out near, out far);
        }

        Own(near);
        switch (random.Next(3))
        {
            case 0:
                _ = close(far);
                return near;
            case 1:
                byte[] bytes = new byte[random.Next(200)];
                random.NextBytes(bytes);
                _ = write(far, bytes);
                break;
            default:
                break;
        }

        Own(far);
        return near;
    }

    public void Dispose() => _owned.ForEach(f => f.Dispose());

    private int Own(int file)
    {
        var owner = FileDescriptor.FromResult(file, "making a descriptor");
        _owned.Add(owner);
        return owner.Value;
    }
}
