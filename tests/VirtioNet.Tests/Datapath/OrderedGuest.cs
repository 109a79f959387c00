using VhostNet.Aio;
using VhostNet.VhostUser.Frontend;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Tests.Datapath;

/// <summary>A guest of either byte order that sends and receives whole frames with their headers, as its driver would see them.</summary>
internal sealed class OrderedGuest : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private readonly IoThread _thread = new(new IoThreadOptions { Name = "rings" });
    private readonly GuestRig _rig;
    private readonly bool _bigEndian;

    /// <param name="features">What its driver acknowledged; without VERSION_1 for one that is big-endian.</param>
    /// <param name="bigEndian">Its byte order.</param>
    public OrderedGuest(ulong features, bool bigEndian)
    {
        _bigEndian = bigEndian;
        _thread.Start();
        _rig = new GuestRig(bigEndian ? "big" : "little", features, _thread, swapBytes: bigEndian == BitConverter.IsLittleEndian);
    }

    public VhostUserPort Port => _rig.Port;

    public RxQueue Rx => _rig.Port.Pairs[0].Rx;

    public void Start() => _rig.Start();

    public void Stop() => _rig.Stop();

    /// <summary>Offers receive buffers.</summary>
    public void Offer(int count, int size)
    {
        for (int i = 0; i < count; i++)
        {
            ulong address = _rig.Memory.Allocate((ulong)size);
            _rig.Memory.Bytes(address, size).Fill(0xee);
            Assert.True(_rig.Rx.Add([new GuestBuffer(address, (uint)size, true)], address) >= 0);
        }

        _rig.Rx.Publish();
        _rig.Rx.KickIfWanted();
    }

    /// <summary>Sends one frame and waits until the back end has given its buffers back.</summary>
    /// <param name="header">What its header says.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="pieces">Lengths of the buffers that header and frame are cut into; the last takes the rest.</param>
    public void Send(VirtioNetHeader header, byte[] frame, params ReadOnlySpan<int> pieces)
    {
        byte[] all = [.. GuestHeader.Bytes(header, _rig.HeaderSize, _bigEndian), .. frame];
        ulong address = _rig.Memory.Allocate((ulong)all.Length);
        _rig.Memory.Write(address, all);
        var buffers = new List<GuestBuffer>();
        int at = 0;
        foreach (int piece in pieces)
        {
            buffers.Add(new GuestBuffer(address + (ulong)at, (uint)piece, false));
            at += piece;
        }

        buffers.Add(new GuestBuffer(address + (ulong)at, (uint)(all.Length - at), false));
        Assert.True(_rig.Tx.Add([.. buffers]) >= 0);
        _rig.Tx.Publish();
        _rig.Tx.KickIfWanted();
        Collect(_rig.Tx);
    }

    /// <summary>Waits for one frame and takes it, from as many buffers as its header says.</summary>
    public (VirtioNetHeader Header, byte[] Frame) Receive()
    {
        UsedChain first = Collect(_rig.Rx);
        ReadOnlySpan<byte> bytes = _rig.Memory.Bytes(first.Cookie, (int)first.Length);
        VirtioNetHeader header = GuestHeader.Read(bytes, _rig.HeaderSize, _bigEndian);
        Assert.InRange(header.NumBuffers, 1, 64);
        byte[] frame = bytes[_rig.HeaderSize..].ToArray();
        for (int i = 1; i < header.NumBuffers; i++)
        {
            UsedChain next = Collect(_rig.Rx);
            frame = [.. frame, .. _rig.Memory.Bytes(next.Cookie, (int)next.Length)];
        }

        return (header, frame);
    }

    /// <summary>Whether anything of a further frame has come.</summary>
    public bool HasMore => _rig.Rx.HasUsed;

    /// <summary>Frames that its transmit queue refused.</summary>
    public long Refused => _rig.Port.Pairs[0].Tx.Counters.DroppedTotal;

    /// <summary>Whether received frames may span buffers.</summary>
    public bool IsMergeable => (_rig.Features & VirtioNetFeatures.MRG_RXBUF) != 0;

    public void Dispose()
    {
        _rig.Dispose();
        _thread.Dispose();
    }

    private static UsedChain Collect(DriverQueue queue)
    {
        var used = new UsedChain[1];
        Assert.Equal(1, queue.WaitForUsed(used, s_patience));
        return used[0];
    }
}
