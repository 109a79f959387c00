using System.Runtime.InteropServices;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>A guest with one queue pair, whose rings are plain memory that the attacker writes as it likes. Its memory and rings outlive its connections.</summary>
internal sealed class AttackGuest : IDisposable
{
    private const int HeaderSize = VirtioNetHeader.Size;
    private const ulong MemoryAt = 0x1_0000_0000;

    private readonly string _path;
    private readonly FrontendOptions _options;
    private readonly int _frameMax;
    private readonly ulong _frames;
    private readonly ulong _buffers;
    private ushort _next;
    private ushort _seen;

    /// <param name="path">The port's socket.</param>
    /// <param name="ringSize">Descriptors of each ring.</param>
    /// <param name="features">Besides VERSION_1.</param>
    /// <param name="frameMax">Bytes of a frame that it sends; its receive buffers have 2048.</param>
    /// <param name="slots">Buffers of each direction; heads that have none of their own share them.</param>
    public AttackGuest(string path, int ringSize = 256, ulong features = 0, int frameMax = 2048, int slots = 256)
    {
        _path = path;
        _frameMax = frameMax;
        Slots = Math.Min(slots, ringSize);
        Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | features;
        _options = new FrontendOptions { Features = Features, Timeout = TimeSpan.FromSeconds(5) };
        Memory = GuestMemory.Create((ulong)(((Slots * (frameMax + HeaderSize + 64 + 2112)) + (ringSize * 80) + (1 << 20)) & ~0xfff), MemoryAt);
        Rx = DriverQueue.Create(Memory, new DriverQueueOptions { Index = 0, Size = ringSize, Features = Features, IndirectLength = 0 });
        Tx = DriverQueue.Create(Memory, new DriverQueueOptions { Index = 1, Size = ringSize, Features = Features, IndirectLength = 0 });
        _frames = Memory.Allocate((ulong)(Slots * (frameMax + HeaderSize)));
        _buffers = Memory.Allocate((ulong)(Slots * 2048));
    }

    public ulong Features { get; }

    public GuestMemory Memory { get; }

    public DriverQueue Rx { get; }

    public DriverQueue Tx { get; }

    /// <summary>Buffers of each direction.</summary>
    public int Slots { get; }

    /// <summary>The connection; null before <see cref="Connect"/>.</summary>
    public VhostUserFrontend? Frontend { get; private set; }

    /// <summary>Connects and shares memory; no ring runs yet.</summary>
    public VhostUserFrontend Connect()
    {
        VhostUserFrontend frontend = ConnectOnly();
        Reset();
        return frontend;
    }

    /// <summary>The same for rings whose content is the caller's.</summary>
    public VhostUserFrontend ConnectOnly()
    {
        VhostUserFrontend frontend = Negotiate();
        frontend.ShareMemory(Memory);
        return frontend;
    }

    /// <summary>Connects and negotiates; no memory is shared yet.</summary>
    public VhostUserFrontend Negotiate()
    {
        Disconnect();
        Frontend = VhostUserFrontend.Connect(_path, _options, TimeSpan.FromSeconds(5));
        Frontend.Negotiate();
        return Frontend;
    }

    /// <summary>Connects and starts both rings: the receive ring full of good buffers, the transmit ring empty.</summary>
    public void Run()
    {
        VhostUserFrontend frontend = Connect();
        OfferBuffers();
        frontend.StartQueue(Rx);
        frontend.StartQueue(Tx);
    }

    public void Disconnect()
    {
        Frontend?.Dispose();
        Frontend = null;
    }

    /// <summary>All descriptors good again and both rings at their beginning.</summary>
    public void Reset()
    {
        Rx.Reset();
        Tx.Reset();
        (_next, _seen) = (0, 0);
        for (int i = 0; i < Rx.Size; i++)
        {
            Rx.Raw[i] = new RawDescriptor(BufferAddress(i), 2048, RingFlags.VRING_DESC_F_WRITE, 0);
            Tx.Raw[i] = new RawDescriptor(FrameAddress(i), (uint)(HeaderSize + 60), 0, 0);
            Rx.Raw.SetAvail(i, (ushort)i);
            Tx.Raw.SetAvail(i, (ushort)i);
        }
    }

    /// <summary>All receive buffers, whatever was used of them.</summary>
    public void OfferBuffers() => KeepFull(Rx);

    /// <summary>Whatever was used is offered again at once.</summary>
    public static void KeepFull(DriverQueue queue) => queue.Raw.AvailIndex = (ushort)(queue.Raw.UsedIndex + queue.Size);

    /// <summary>Where the frame of a slot lies, its virtio_net_hdr first.</summary>
    public ulong FrameAddress(int slot) => _frames + ((ulong)(slot % Slots) * (ulong)(_frameMax + HeaderSize));

    public ulong BufferAddress(int slot) => _buffers + ((ulong)(slot % Slots) * 2048);

    /// <summary>Writes a frame into a slot of the transmit ring without offering it.</summary>
    public void Write(int slot, ReadOnlySpan<byte> frame, VirtioNetHeader header = default)
    {
        Memory.Write(FrameAddress(slot), MemoryMarshal.AsBytes(new ReadOnlySpan<VirtioNetHeader>(in header)));
        Memory.Write(FrameAddress(slot) + HeaderSize, frame);
        Tx.Raw[slot] = new RawDescriptor(FrameAddress(slot), (uint)(HeaderSize + frame.Length), 0, 0);
    }

    /// <summary>Offers a frame; false while all slots are under way. <see cref="Kick"/> shows them.</summary>
    public bool TrySend(ReadOnlySpan<byte> frame, VirtioNetHeader header = default)
    {
        if ((ushort)(_next - Tx.Raw.UsedIndex) >= Slots)
        {
            return false;
        }

        int slot = _next % Tx.Size;
        Write(slot, frame, header);
        _next++;
        return true;
    }

    /// <summary>Sends a frame as soon as there is room; gives up after a while.</summary>
    public bool Send(ReadOnlySpan<byte> frame, VirtioNetHeader header = default)
    {
        for (int i = 0; i < 200; i++)
        {
            if (TrySend(frame, header))
            {
                Kick();
                return true;
            }

            Kick();
            _ = poll([], 1);
        }

        return false;
    }

    /// <summary>Shows the device what was offered with <see cref="TrySend"/>.</summary>
    public void Kick()
    {
        Tx.Raw.AvailIndex = _next;
        _ = write(Tx.Kick.Value, 1UL);
    }

    /// <summary>The next frame that came, without its header; null when there is none. Its buffer is offered again.</summary>
    public byte[]? Receive()
    {
        if (Rx.Raw.UsedIndex == _seen)
        {
            return null;
        }

        (uint id, uint length) = Rx.Raw.GetUsed(_seen % Rx.Size);
        _seen++;
        byte[] bytes = new byte[Math.Max(0, Math.Min((int)length, 2048) - HeaderSize)];
        Memory.Read(BufferAddress((int)id) + HeaderSize, bytes);
        KeepFull(Rx);
        return bytes;
    }

    public void Dispose()
    {
        Disconnect();
        Rx.Dispose();
        Tx.Dispose();
        Memory.Dispose();
    }
}
