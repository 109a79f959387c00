using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Tap;
using VhostNet.VirtioNet.Tests.Ports;

namespace VhostNet.VirtioNet.Tests.Offload;

/// <summary>
/// Two taps joined by a bridge of the kernel's: unfinished frames are written into one, and come out of the other as the kernel finished them, because that
/// one takes no offloads.
/// </summary>
internal sealed class KernelBridge : IDisposable
{
    private const int FrameMax = 70_000;

    /// <summary>Source address of the tests' frames.</summary>
    private static readonly MacAddress s_source = new(0x0200_0000_0001);

    private readonly NetNamespace _namespace = new();
    private readonly TapInterface _in;
    private readonly TapInterface _out;
    private readonly byte[] _buffer = new byte[FrameMax];

    public KernelBridge()
    {
        _namespace.Ip("link add br0 type bridge");
        _namespace.Ip("link set br0 up");
        _in = _namespace.Run(() => TapInterface.Open(new TapOptions { Name = "in0", Bridge = "br0", Mtu = 9000 }));
        _out = _namespace.Run(() => TapInterface.Open(new TapOptions { Name = "out0", Bridge = "br0", Mtu = 9000 }));
    }

    /// <summary>True when the kernel takes UDP segmentation (Linux 6.2).</summary>
    public bool HasUso => _in.Accepts.HasFlag(Offloads.Uso4);

    /// <summary>Sends a frame through; false when the kernel refuses its header.</summary>
    public bool TrySend(in VirtioNetHeader header, byte[] frame)
    {
        byte[] message = new byte[VirtioNetHeader.Size + frame.Length];
        VirtioNetHeader copy = header;
        MemoryMarshal.Write(message, in copy);
        frame.CopyTo(message, VirtioNetHeader.Size);
        return write(_in.Queues[0].Value, message) == message.Length;
    }

    /// <summary>Reads the next frame; null when none comes in time.</summary>
    public byte[]? Receive(int timeoutMs = 5000)
    {
        var fd = new pollfd { fd = _out.Queues[0].Value, events = POLLIN };
        while (poll(new Span<pollfd>(ref fd), timeoutMs) == 1)
        {
            nint length = read(fd.fd, _buffer);
            Assert.True(length >= VirtioNetHeader.Size);
            byte[] frame = _buffer[VirtioNetHeader.Size..(int)length];
            if (MacAddress.Read(frame.AsSpan(6)) == s_source)
            {
                Assert.True(MemoryMarshal.Read<VirtioNetHeader>(_buffer).IsPlain, "the kernel left something unfinished");
                return frame;
            }

            // The bridge itself says something now and then.
        }

        return null;
    }

    public void Dispose()
    {
        _in.Dispose();
        _out.Dispose();
        _namespace.Dispose();
    }
}
