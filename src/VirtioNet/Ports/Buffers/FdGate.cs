using VhostNet.Aio;

namespace VhostNet.VirtioNet.Ports.Buffers;

/// <summary>
/// Watches a descriptor for reading and writing, each of which is switched on and off by one system call and without garbage, as back pressure asks for many
/// times a second: an epoll instance of its own between the descriptor and the event loop. Home thread of its context only, but for <see cref="Dispose"/>.
/// </summary>
internal sealed class FdGate : IDisposable
{
    private readonly AioContext _context;
    private readonly Action _readable;
    private readonly Action? _writable;
    private readonly FileDescriptor _epoll;
    private readonly EpollEvents _events = new(1);
    private readonly int _fd;
    private uint _wanted;
    private bool _closed;

    /// <summary>Creates the gate with both directions off.</summary>
    /// <param name="context">Where the callbacks run.</param>
    /// <param name="fd">The descriptor; it outlives the gate.</param>
    /// <param name="readable">Called when reading was wanted and is possible, or would report an error.</param>
    /// <param name="writable">Called when writing was wanted and is possible, or would report an error.</param>
    public FdGate(AioContext context, int fd, Action readable, Action? writable = null)
    {
        _context = context;
        _readable = readable;
        _writable = writable;
        _fd = fd;
        _epoll = FileDescriptor.FromResult(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
        try
        {
            context.SetFdHandler(_epoll.Value, OnReady);
        }
        catch
        {
            _epoll.Dispose();
            throw;
        }
    }

    /// <summary>Whether the descriptor is watched for reading.</summary>
    public bool WantRead
    {
        get => (_wanted & EPOLLIN) != 0;
        set => Set(value ? _wanted | EPOLLIN : _wanted & ~(uint)EPOLLIN);
    }

    /// <summary>Whether the descriptor is watched for writing.</summary>
    public bool WantWrite
    {
        get => (_wanted & EPOLLOUT) != 0;
        set => Set(value ? _wanted | EPOLLOUT : _wanted & ~(uint)EPOLLOUT);
    }

    /// <summary>Stops watching. The context's thread must run, or be the calling one.</summary>
    public void Dispose()
    {
        if (!_closed)
        {
            _context.RunOnHomeThread(() =>
            {
                _closed = true;
                _context.SetFdHandler(_epoll.Value, null);
            });
            _epoll.Dispose();
        }
    }

    private void Set(uint wanted)
    {
        if (wanted == _wanted || _closed)
        {
            return;
        }

        // A descriptor that nobody wants is taken out altogether, as epoll reports errors even when asked for nothing.
        int operation = wanted == 0 ? EPOLL_CTL_DEL : _wanted == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
        if (epoll_ctl(_epoll.Value, operation, _fd, wanted, 0) < 0)
        {
            Errno.Last.Throw($"epoll_ctl({operation}, {_fd})");
        }

        _wanted = wanted;
    }

    private void OnReady()
    {
        if (_wanted == EPOLLIN)
        {
            _readable();
            return;
        }

        if (epoll_wait(_epoll.Value, _events, 0) != 1)
        {
            return;
        }

        uint found = _events.Events(0);
        if (WantRead && (found & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
        {
            _readable();
        }

        if (WantWrite && (found & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        {
            _writable?.Invoke();
        }
    }
}
