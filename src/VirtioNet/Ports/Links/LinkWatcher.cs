using VhostNet.Aio;
using VhostNet.Aio.Faults;
using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Ports.Sockets;

namespace VhostNet.VirtioNet.Ports.Links;

/// <summary>
/// Follows what happens to the host's network interfaces, one for the whole process: a netlink socket, and the list of interfaces that it keeps true. When more
/// happens than the socket holds, the list is asked for anew. Home thread of its context.
/// </summary>
public sealed class LinkWatcher : IDisposable, IFaultOwner
{
    /// <summary>Datagrams read in one turn; each holds some ten interfaces.</summary>
    private const int TurnMax = 8;

    /// <summary>Pause before everything is asked for anew, in nanoseconds: whoever makes interfaces faster than we read does not keep us busy.</summary>
    private const long RenewalNs = 100_000_000;

    private readonly AioContext _context;
    private readonly AioClock _clock;
    private readonly AioTimer _renewal;
    private readonly int _bufferBytes;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly LinkTable _table = new();
    private readonly List<ILinkUser> _users = [];
    private readonly List<Link> _changed = [];
    private FileDescriptor _socket;
    private bool _isListWanted;
    private bool _disposed;

    /// <summary>Begins to watch the interfaces of the calling thread's network namespace.</summary>
    /// <param name="context">Where it works; polled until it is disposed.</param>
    /// <param name="clock">What pauses are measured by; null for the monotonic clock.</param>
    /// <param name="bufferBytes">Bytes of messages that may wait in the kernel; 0 for its default.</param>
    /// <exception cref="ErrnoException">A netlink socket can't be had.</exception>
    public LinkWatcher(AioContext context, AioClock? clock = null, int bufferBytes = 0)
    {
        ArgumentNullException.ThrowIfNull(context);
        _context = context;
        _clock = clock ?? AioClock.Monotonic;
        _bufferBytes = bufferBytes;
        using FaultScope scope = FaultScope.Enter(this);
        _renewal = context.CreateTimer(_clock, Renew);
        _socket = Open();
    }

    /// <summary>How often the list was asked for anew because something was missed.</summary>
    public long Renewals { get; private set; }

    /// <summary>How often a callback threw.</summary>
    public long Faults { get; private set; }

    /// <summary>True once the list is whole.</summary>
    public bool IsComplete => _table.IsComplete;

    /// <summary>Stops watching.</summary>
    public void Dispose()
    {
        if (!_disposed)
        {
            _disposed = true;
            _renewal.Delete();
            Close();
        }
    }

    /// <inheritdoc/>
    public void Fault(string callback, Exception exception)
    {
        Faults++;
        RenewLater();
    }

    /// <summary>The interface of an index, or null.</summary>
    internal Link? Find(int index) => _table.Find(index);

    /// <summary>The interface of a name, or null.</summary>
    internal Link? Find(string name) => _table.Find(name);

    /// <summary>Adds somebody who is told soon how things are, and of every change from then on.</summary>
    internal void Add(ILinkUser user)
    {
        _users.Add(user);
        ListAnew();
    }

    /// <summary>
    /// Has everything listed once more, after which everybody looks: whoever made an interface a moment ago would not find it among those that the messages
    /// read so far told of.
    /// </summary>
    internal void ListAnew()
    {
        _isListWanted = true;
        if (IsComplete)
        {
            List();
        }
    }

    /// <summary>Removes somebody.</summary>
    internal void Remove(ILinkUser user) => _users.Remove(user);

    private FileDescriptor Open()
    {
        FileDescriptor socket = NetlinkCalls.Open(_bufferBytes);
        try
        {
            _isListWanted = false;
            _table.BeginList();
            NetlinkCalls.RequestLinks(socket);
            _context.SetFdHandler(socket.Value, OnReadable);
            return socket;
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    private void List()
    {
        _isListWanted = false;
        _table.BeginList();
        try
        {
            NetlinkCalls.RequestLinks(_socket);
        }
        catch (ErrnoException)
        {
            RenewLater();
        }
    }

    private void Close()
    {
        if (!_socket.IsClosed)
        {
            _context.SetFdHandler(_socket.Value, null);
            _socket.Dispose();
        }
    }

    private void RenewLater()
    {
        Close();
        if (!_disposed)
        {
            _renewal.Modify(_clock.NowNs + RenewalNs);
        }
    }

    private void Renew()
    {
        if (_disposed)
        {
            return;
        }

        Renewals++;
        try
        {
            _socket = Open();
        }
        catch (ErrnoException)
        {
            // No descriptor, no memory: there may be some later.
            RenewLater();
        }
    }

    private void OnReadable()
    {
        bool wasComplete = IsComplete;
        _changed.Clear();
        for (int i = 0; i < TurnMax; i++)
        {
            nint length = recv(_socket.Value, _buffer, MSG_DONTWAIT);
            if (length < 0)
            {
                // ENOBUFS: messages were lost; whatever else it is, a socket made anew and a list of all are never wrong.
                if (Errno.Last.ClassOf(CallKind.NetlinkReceive) != ErrnoClass.Retry)
                {
                    RenewLater();
                }

                break;
            }

            _table.Apply(_buffer.AsSpan(0, (int)length), _changed);
        }

        if (_table.IsListSpoilt)
        {
            RenewLater();
        }

        if (IsComplete && _isListWanted)
        {
            List();
        }

        if (!IsComplete)
        {
            return;
        }

        foreach (ILinkUser user in _users.ToArray())
        {
            if (!wasComplete || Concerns(user))
            {
                LookOf(user);
            }
        }
    }

    private bool Concerns(ILinkUser user)
    {
        foreach (Link link in _changed)
        {
            if (user.Concerns(link))
            {
                return true;
            }
        }

        return false;
    }

    private static void LookOf(ILinkUser user)
    {
        try
        {
            user.Look();
        }
#pragma warning disable CA1031 // It is the user's, who answers for it; the others are told all the same.
        catch (Exception e)
        {
            user.Fault("interface change", e);
        }
#pragma warning restore CA1031
    }
}
