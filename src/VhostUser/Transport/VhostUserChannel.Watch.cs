using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;

namespace VhostNet.VhostUser.Transport;

/// <content>What keeps a peer from making this process hoard: half messages and their descriptors, and descriptors that can't be closed.</content>
internal sealed partial class VhostUserChannel
{
    private AioTimer? _halfTimer;
    private BottomHalf? _resume;
    private bool _isHalf;
    private bool _saidHeldUp;

    /// <summary>Whether the peer has to wait until files are closed that it sent.</summary>
    private bool IsHeldUp => _options.Closer is { IsBehind: true };

    private void BeginWatching()
    {
        if (_options.Closer is { } closer)
        {
            _resume = _context.CreateBottomHalf(Resume, "fds-closed");
            closer.CaughtUp += _resume.Schedule;
            WarnIfHeldUp();
        }

        WatchHalf();
    }

    private void EndWatching()
    {
        if (_resume is not null)
        {
            _options.Closer!.CaughtUp -= _resume.Schedule;
            _resume.Delete();
        }

        _halfTimer?.Delete();
    }

    private void Resume()
    {
        if (!_closed)
        {
            UpdateHandlers();
        }
    }

    /// <summary>Begins or ends the time that a half message has; what is read of one counts as much as a descriptor of it.</summary>
    private void WatchHalf()
    {
        WarnIfHeldUp();
        if (_received != 0 && !DescriptorReserve.Admits(_descriptors.HighestNumber))
        {
            Close("half a message came with descriptors while this process has only its reserve of descriptors left (descriptors.reserve)");
            return;
        }

        bool isHalf = _received != 0 && _options.HalfReceivedNs != 0;
        if (isHalf == _isHalf)
        {
            return;
        }

        _isHalf = isHalf;
        if (isHalf)
        {
            _halfTimer ??= _context.CreateTimer(_options.Clock, EndHalf);
            _halfTimer.Modify(_options.Clock.NowNs + _options.HalfReceivedNs);
        }
        else
        {
            _halfTimer!.Delete();
        }
    }

    private void EndHalf()
    {
        if (_closed || !_isHalf)
        {
            return;
        }

        if (!_reading)
        {
            // The rest may lie in the socket: it is we who don't read.
            _halfTimer!.Modify(_options.Clock.NowNs + _options.HalfReceivedNs);
            return;
        }

        _options.HalfReceived?.Invoke();
        Close(
            $"a message was begun and not completed for {_options.HalfReceivedNs / 1_000_000} ms, {_received} bytes and {_descriptors.Count} descriptors into it " +
            "(quotas.halfReceivedMs)");
    }

    private void WarnIfHeldUp()
    {
        bool isHeldUp = IsHeldUp;
        if (isHeldUp && !_saidHeldUp)
        {
            _options.HeldUp?.Invoke(
                $"{_options.Closer!.Pending} files that the front end sent can't be closed quickly; nothing is read from it until they are closed");
        }

        _saidHeldUp = isHeldUp;
    }
}
