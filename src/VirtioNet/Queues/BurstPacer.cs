using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VirtioNet.Queues;

/// <summary>
/// Says when a polled transmit ring is worth a turn. While frames stream in it lets the ring fill up and leaves it alone meanwhile, because two sides that look
/// at the same cache lines all the time slow each other down; other rings of the thread have their turn. How far it may fill is found by trying: once in a
/// while the ring is let fill to four times the target. If the sender stops before that, it has no more frames and waits for them to come back. The target is
/// half of what circulates, as far as that is known, so that both sides work at the same time. A frame after a quiet moment is never held back, the end of
/// a stream only for that moment. Owned by the queue's thread.
/// </summary>
internal struct BurstPacer
{
    /// <summary>What counts as a quiet moment, in nanoseconds: longer than a driver with several rings takes until it comes round to this one again.</summary>
    public const long QuietNs = 40_000;

    /// <summary>Frames after a quiet moment that make a stream.</summary>
    private const int StreamFrames = 1024;

    /// <summary>A stream with more nanoseconds than this from one frame to the next gains nothing from larger bursts.</summary>
    public const long SlowestFrameNs = 500;

    /// <summary>
    /// A packed ring has no index that both sides look at: its lines come and go by themselves, and a driver that gets more than this back at a time loses by
    /// it (two guests, in order: 0.7 of the rate).
    /// </summary>
    private const int PackedTargetMax = 64;

    /// <summary>The first try.</summary>
    private const int FirstGoal = 16;

    /// <summary>Bursts until the next try: after one that showed the target to be right, and at most, after several that found nothing better.</summary>
    private const int TryInterval = 64;

    private const int TryIntervalMax = 4096;

    /// <summary>
    /// Between two looks at a ring that fills up, for each frame that it is to hold: about a twentieth of what a fast driver needs to write it.
    /// </summary>
    private const long LookNs = 6;

    private readonly int _targetMax;
    private int _target = 1;
    private int _goal = 1;
    private int _untilTry = TryInterval;
    private int _tryInterval = TryInterval;
    private int _sinceQuiet;
    private int _seen;
    private long _heldSince;
    private long _grewAt;
    private long _emptySince;
    private long _nextLook;

    /// <summary>A pacer for a ring that begins.</summary>
    /// <param name="packed">The ring has the packed layout.</param>
    public BurstPacer(bool packed) => _targetMax = packed ? PackedTargetMax : ChainBurst.ChainsMax;

    /// <summary>The burst that is waited for while frames stream in.</summary>
    public readonly int Target => _target;

    /// <summary>False when whatever is in the ring is due at once, and nobody need ask.</summary>
    public readonly bool Waits => _goal > 1 && _sinceQuiet >= StreamFrames;

    /// <summary>Whether the ring holds what is worth a turn. The ring's lock is held.</summary>
    /// <param name="queue">The ring.</param>
    /// <param name="now">The monotonic clock in nanoseconds.</param>
    public bool IsDue(Virtqueue queue, long now)
    {
        if (now < _nextLook)
        {
            return false;
        }

        if (queue.HasAtLeast(_goal))
        {
            Reached();
            return true;
        }

        _nextLook = now + (LookNs * _goal);
        if (_seen == 0)
        {
            LookForFirst(queue, now);
            return false;
        }

        if (queue.HasAtLeast(_seen + 1))
        {
            int further = _seen + (_goal / 8);
            _seen = queue.HasAtLeast(further) ? further : _seen + 1;
            _grewAt = now;
        }

        long held = now - _heldSince;
        long still = now - _grewAt;
        if (still < QuietNs && held < SlowestFrameNs * _goal)
        {
            return false;
        }

        // A slow stream goes on growing to the end; a sender that has no more frames stopped long before.
        Missed(still >= QuietNs || still >= held / 2 ? CountAvailable(queue) / 2 : 1);
        return true;
    }

    /// <summary>Counts a burst that was taken.</summary>
    public void Took(int count)
    {
        _seen = 0;
        _emptySince = 0;
        _nextLook = 0;
        if (_sinceQuiet < StreamFrames)
        {
            _sinceQuiet += count;
        }
        else if (--_untilTry <= 0 && count > 1)
        {
            // A frame that comes alone, time and again, is no stream and is not held back for a try.
            _goal = Math.Min(2 * _targetMax, Math.Max(FirstGoal, 4 * _target));
        }
    }

    private void Reached()
    {
        if (_goal > _target)
        {
            bool grows = _goal / 2 > _target;
            _target = _goal / 2;
            _tryInterval = TryInterval;
            _untilTry = grows ? 1 : TryInterval;
            _goal = _target;
        }
    }

    private void Missed(int target)
    {
        _target = _goal = Math.Clamp(target, 1, _targetMax);
        _untilTry = _tryInterval;
        _tryInterval = Math.Min(TryIntervalMax, _tryInterval * 2);
    }

    private void LookForFirst(Virtqueue queue, long now)
    {
        if (queue.HasAvailable)
        {
            _seen = 1;
            _heldSince = _grewAt = now;
        }
        else if (_emptySince == 0)
        {
            _emptySince = now;
        }
        else if (now - _emptySince > QuietNs)
        {
            _sinceQuiet = 0;
        }
    }

    /// <summary>How many chains the ring holds: at least what was seen, fewer than was waited for.</summary>
    private readonly int CountAvailable(Virtqueue queue)
    {
        int from = _seen;
        int below = Math.Max(_goal, from + 1);
        while (below - from > 1)
        {
            int middle = (from + below) / 2;
            if (queue.HasAtLeast(middle))
            {
                from = middle;
            }
            else
            {
                below = middle;
            }
        }

        return from;
    }
}
