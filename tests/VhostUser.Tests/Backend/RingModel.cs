namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>
/// The ring life cycle as the specification tells it ("Ring states"), written for reading: what one ring should be after each message, and whether the message
/// is accepted. Nothing here is shared with the implementation.
/// </summary>
internal sealed class RingModel
{
    private bool? _protocolFeaturesAcked;
    private int? _num;
    private bool? _addressIsInside;
    private Memory _memory = Memory.None;
    private bool _started;
    private uint? _base;

    private enum Memory
    {
        None,
        Good,
        Elsewhere,
    }

    public bool Enabled { get; private set; }

    public uint LastBaseReply { get; private set; }

    /// <summary>A ring works when it was started and all that it needs is there.</summary>
    public bool Works => _started && _protocolFeaturesAcked is not null && _num is not null && _addressIsInside == true && _memory == Memory.Good;

    /// <summary>Applies a message; false when it has to be refused, which changes nothing.</summary>
    public bool Apply(RingMessage message)
    {
        bool worked = Works;
        bool accepted = Accept(message);
        if (!worked && Works)
        {
            // It starts where its used ring stands, and the test's guest memory is all zero.
            _base = 0;
        }

        return accepted;
    }

    private bool Accept(RingMessage message)
    {
        switch (message)
        {
            case RingMessage.FeaturesWithBit30:
                if (Works && _protocolFeaturesAcked == false)
                {
                    return false;
                }

                _protocolFeaturesAcked = true;
                return true;
            case RingMessage.FeaturesWithoutBit30:
                if (Works && _protocolFeaturesAcked == true)
                {
                    return false;
                }

                _protocolFeaturesAcked = false;
                Enabled = true;
                return true;
            case RingMessage.Num256:
                if (Works && _num != 256)
                {
                    return false;
                }

                _num = 256;
                return true;
            case RingMessage.Num128:
                if (Works && _num != 128)
                {
                    return false;
                }

                _num = 128;
                return true;
            case RingMessage.Base:
                if (Works)
                {
                    return false;
                }

                _base = 5;
                return true;
            case RingMessage.AddressInside:
                _addressIsInside = true;
                return true;
            case RingMessage.AddressOutside:
                if (Works)
                {
                    return false;
                }

                _addressIsInside = false;
                return true;
            case RingMessage.MemoryGood:
                _memory = Memory.Good;
                return true;
            case RingMessage.MemoryElsewhere:
                return ReplaceMemory(Memory.Elsewhere);
            case RingMessage.MemoryNone:
                return ReplaceMemory(Memory.None);
            case RingMessage.Kick:
            case RingMessage.KickPolled:
                bool complete = _protocolFeaturesAcked is not null && _num is not null && _addressIsInside is not null && _memory != Memory.None;
                if (complete && !(_addressIsInside == true && _memory == Memory.Good))
                {
                    return false;
                }

                _started = true;
                return true;
            case RingMessage.GetBase:
                _started = false;
                LastBaseReply = _base ?? 0;
                return true;
            case RingMessage.Enable:
                Enabled = true;
                return true;
            case RingMessage.Disable:
                Enabled = false;
                return true;
            case RingMessage.Reset:
                _started = false;
                Enabled = false;
                _num = null;
                _addressIsInside = null;
                _base = null;
                return true;
            default:
                throw new ArgumentOutOfRangeException(nameof(message));
        }
    }

    private bool ReplaceMemory(Memory memory)
    {
        if (Works)
        {
            return false;
        }

        _memory = memory;
        return true;
    }
}
