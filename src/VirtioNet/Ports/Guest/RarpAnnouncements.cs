using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>
/// The addresses that are to be announced for a guest (SEND_RARP, RFC 903). A front end may ask as often as it likes: an address that waits already is not
/// added again, and all that wait are sent by one job. <see cref="TryAdd"/> belongs to the control thread, sending to the thread of the context.
/// </summary>
internal sealed class RarpAnnouncements : IDisposable
{
    /// <summary>Most addresses that wait; a card has one, or a few.</summary>
    public const int WaitingMax = 64;

    private const ulong AddressMask = 0xffff_ffff_ffff;

    private readonly Lock _gate = new();
    private readonly List<ulong> _waiting = new(WaitingMax);
    private readonly BottomHalf _job;
    private readonly Action<FrameBurst> _send;

    /// <summary>Creates it.</summary>
    /// <param name="context">Where frames are sent.</param>
    /// <param name="send">Takes a burst into the network.</param>
    public RarpAnnouncements(AioContext context, Action<FrameBurst> send)
    {
        _send = send;
        _job = context.CreateBottomHalf(Send, "announce");
    }

    /// <summary>Has an address announced.</summary>
    /// <param name="macAddress">The address in the first six bytes, little-endian.</param>
    /// <returns>False when too many wait.</returns>
    public bool TryAdd(ulong macAddress)
    {
        macAddress &= AddressMask;
        lock (_gate)
        {
            if (!_waiting.Contains(macAddress))
            {
                if (_waiting.Count == WaitingMax)
                {
                    return false;
                }

                _waiting.Add(macAddress);
            }
        }

        _job.Schedule();
        return true;
    }

    /// <summary>Forgets the addresses that wait. Control thread.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _waiting.Clear();
        }
    }

    /// <summary>Nothing is sent any more.</summary>
    public void Dispose() => _job.Delete();

    private void Send()
    {
        ulong[] addresses;
        lock (_gate)
        {
            addresses = [.. _waiting];
            _waiting.Clear();
        }

        if (addresses.Length != 0)
        {
            RarpAnnouncement.Send(addresses, _send);
        }
    }
}
