using System.Buffers.Binary;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Daemon.Tests.Process;

/// <summary>A guest without a machine: a front end that sends numbered frames to others and receives theirs. Station n has the address 02:00:00:00:00:0n.</summary>
internal sealed class LiveGuest : IDisposable
{
    private const int HeaderSize = 12;
    private const int BufferSize = 2048;
    private const int RingSize = 256;
    private const int Window = 64;
    private const ulong Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.EVENT_IDX;
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(30);

    private readonly GuestMemory _memory = GuestMemory.Create(16 << 20);
    private readonly VhostUserFrontend _frontend;
    private readonly DriverQueue _receive;
    private readonly DriverQueue _transmit;
    private readonly ulong _transmitArea;
    private readonly byte _station;

    public LiveGuest(string socket, byte station)
    {
        _station = station;
        _frontend = VhostUserFrontend.Connect(socket, new FrontendOptions { Features = Features }, s_timeout);
        _frontend.Negotiate();
        _frontend.ShareMemory(_memory);
        _receive = _frontend.CreateQueue(0, RingSize);
        _transmit = _frontend.CreateQueue(1, RingSize);
        _transmitArea = _memory.Allocate(Window * BufferSize, 4096);
        ulong area = _memory.Allocate(RingSize * BufferSize, 4096);
        for (ulong i = 0; i < RingSize; i++)
        {
            Post(area + (i * BufferSize));
        }

        _receive.Publish();
        _frontend.StartQueue(_receive);
        _frontend.StartQueue(_transmit);
    }

    /// <summary>Sends frames with consecutive numbers and waits until the device took them, if that is asked for.</summary>
    public void Send(byte to, int first, int count, bool wait = true)
    {
        Assert.InRange(count, 1, Window);
        for (int i = 0; i < count; i++)
        {
            ulong at = _transmitArea + (ulong)(i * BufferSize);
            _memory.Bytes(at, HeaderSize).Clear();
            _memory.Write(at + HeaderSize, Frame(to, first + i));
            Assert.True(_transmit.Add([new GuestBuffer(at, HeaderSize + 60, false)]) >= 0, "the transmit ring is full");
        }

        _transmit.Publish();
        _transmit.KickIfWanted();
        if (wait)
        {
            WaitUntilSent(count);
        }
    }

    /// <summary>Waits until the device took frames that were sent.</summary>
    public void WaitUntilSent(int count)
    {
        var used = new UsedChain[Window];
        for (int taken = 0; taken < count;)
        {
            int now = _transmit.WaitForUsed(used.AsSpan(0, Math.Min(Window, count - taken)), s_timeout);
            Assert.True(now > 0, $"the device took {taken} of {count} frames");
            taken += now;
        }
    }

    /// <summary>Receives frames, all from one station and with consecutive numbers.</summary>
    public void Receive(byte from, int first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            Assert.Equal((from, first + i), Next(s_timeout));
        }
    }

    /// <summary>The next frame's sender and number, or null when none comes in time.</summary>
    public (byte From, int Number)? Next(TimeSpan timeout)
    {
        var used = new UsedChain[1];
        if (_receive.WaitForUsed(used, timeout) == 0)
        {
            return null;
        }

        ReadOnlySpan<byte> frame = _memory.Bytes(used[0].Cookie, (int)used[0].Length)[HeaderSize..];
        (byte, int) result = (frame[11], BinaryPrimitives.ReadInt32BigEndian(frame[14..]));
        Post(used[0].Cookie);
        _receive.Publish();
        _receive.KickIfWanted();
        return result;
    }

    /// <summary>True when the daemon has ended the session.</summary>
    public bool IsHungUp()
    {
        try
        {
            _frontend.GetFeatures();
            return false;
        }
        catch (VhostUserFrontendException)
        {
            return true;
        }
    }

    public void Dispose()
    {
        _frontend.Dispose();
        _receive.Dispose();
        _transmit.Dispose();
        _memory.Dispose();
    }

    private byte[] Frame(byte to, int number)
    {
        byte[] frame = new byte[60];
        frame[0] = 2;
        frame[5] = to;
        frame[6] = 2;
        frame[11] = _station;

        // IEEE 802 local experimental EtherType 1.
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(12), 0x88b5);
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(14), number);
        return frame;
    }

    private void Post(ulong at) => Assert.True(_receive.Add([new GuestBuffer(at, BufferSize, true)], at) >= 0, "the receive ring is full");
}
