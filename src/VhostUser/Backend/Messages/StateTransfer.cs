using VhostNet.Aio;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>
/// Moves the device's state through a pipe ("Migrating back-end state"): writes it all and closes, or reads to the end and applies it. Control thread.
/// </summary>
internal sealed class StateTransfer : IDisposable
{
    /// <summary>Most bytes that a load takes: a device's state is a few bytes, and each guest could have this process keep so many.</summary>
    public const int SizeMax = 1 << 20;

    private readonly AioContext _context;
    private readonly FileDescriptor _pipe;
    private readonly Func<ReadOnlySpan<byte>, bool>? _apply;
    private byte[] _data;
    private int _position;
    private bool _done;

    private StateTransfer(AioContext context, FileDescriptor pipe, byte[] data, Func<ReadOnlySpan<byte>, bool>? apply)
    {
        _context = context;
        _pipe = pipe;
        _data = data;
        _apply = apply;
        context.SetFdHandler(pipe.Value, apply is null ? null : Pump, apply is null ? Pump : null);
    }

    /// <summary>Why the transfer failed, or null.</summary>
    public string? Failure { get; private set; }

    /// <summary>Begins to save.</summary>
    public static StateTransfer Save(AioContext context, FileDescriptor pipe, byte[] data) => new(context, pipe, data, null);

    /// <summary>Begins to load.</summary>
    /// <param name="context">The control context.</param>
    /// <param name="pipe">What to read; owned from here on.</param>
    /// <param name="apply">Takes the whole state over; false when it can't be understood.</param>
    public static StateTransfer Load(AioContext context, FileDescriptor pipe, Func<ReadOnlySpan<byte>, bool> apply) =>
        new(context, pipe, new byte[4096], apply);

    /// <summary>
    /// The verdict. By now the front end has seen the end of the data, or written and closed it; that may be visible here without having been read yet.
    /// </summary>
    public bool Finish()
    {
        Pump();
        if (!_done)
        {
            End("the transfer had not ended when the front end asked for its result");
        }

        return Failure is null;
    }

    /// <inheritdoc/>
    public void Dispose() => End("the transfer was given up");

    private void Pump()
    {
        // The other side can write as fast as this one reads.
        TurnBudget turn = TurnBudget.Full;
        while (!_done && !turn.IsSpent)
        {
            nint count = _apply is null ? WriteSome() : ReadSome();
            turn.TakeCalls(1, Math.Max(count, 0));
            Errno error = count < 0 ? Errno.Last : default;
            if (count < 0 && error.Value != EINTR)
            {
                if (!error.WouldBlock)
                {
                    End($"{(_apply is null ? "writing" : "reading")} the device's state failed: {error}");
                }

                return;
            }
        }
    }

    private nint WriteSome()
    {
        if (_position == _data.Length)
        {
            End(null);
            return 0;
        }

        nint count = PipeIo.Write(_pipe, _data.AsSpan(_position));
        _position += (int)Math.Max(count, 0);
        return count;
    }

    private nint ReadSome()
    {
        if (_position == _data.Length)
        {
            if (_position >= SizeMax)
            {
                End($"the device's state is longer than {SizeMax} bytes");
                return 0;
            }

            Array.Resize(ref _data, Math.Min(_data.Length * 2, SizeMax));
        }

        nint count = PipeIo.Read(_pipe, _data.AsSpan(_position));
        if (count == 0)
        {
            End(_apply!(_data.AsSpan(0, _position)) ? null : $"the device does not understand the {_position} bytes of state");
            return 0;
        }

        _position += (int)Math.Max(count, 0);
        return count;
    }

    private void End(string? failure)
    {
        if (!_done)
        {
            _done = true;
            Failure = failure;
            _context.SetFdHandler(_pipe.Value, null);
            _pipe.Dispose();
            _data = [];
        }
    }
}
