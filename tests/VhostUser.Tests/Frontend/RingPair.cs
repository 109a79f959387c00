using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Both sides of one ring in one process without a session: the driver queue and the device's virtqueue over the same memory.</summary>
internal sealed unsafe class RingPair : IDisposable
{
    public const ulong MemoryBase = 0x1_0000_0000;

    private readonly EventNotifier _call;

    public RingPair(ulong features, int size = 16, ushort? start = null, GuestMemory? memory = null, bool swapBytes = false)
    {
        Memory = memory ?? GuestMemory.Create(16 << 20, MemoryBase);
        Driver = DriverQueue.Create(Memory, new DriverQueueOptions { Size = size, Features = features, Start = start, SwapBytes = swapBytes });
        Layout = new VirtqueueLayout
        {
            Index = 0,
            Size = size,
            Features = features,
            Descriptors = Memory.HostAddress(Driver.DescriptorAddress),
            Driver = Memory.HostAddress(Driver.DriverAddress),
            Device = Memory.HostAddress(Driver.DeviceAddress),
            Buffers = Memory.ToAddressSpace(),
            SwapBytes = swapBytes,
        };
        Device = VirtqueueFactory.Create(Layout, Driver.StartBase);
        _call = new EventNotifier(Driver.Call.Duplicate());
        Device.CallNotifier = _call;
        Device.Enabled = true;
        Device.MalformedRunLimit = int.MaxValue;
    }

    public GuestMemory Memory { get; }

    public DriverQueue Driver { get; }

    public VirtqueueLayout Layout { get; }

    public Virtqueue Device { get; private set; }

    public ChainBurst Burst { get; } = new();

    /// <summary>Replaces the device, as after a stop, going on at a base.</summary>
    public void Restart(uint position)
    {
        Device.Dispose();
        Device = VirtqueueFactory.Create(Layout, position);
        Device.CallNotifier = _call;
        Device.Enabled = true;
        Device.MalformedRunLimit = int.MaxValue;
    }

    /// <summary>The device takes up to <paramref name="max"/> chains and returns the bytes of each readable one.</summary>
    public List<byte[]> ServeReadable(int max = ChainBurst.ChainsMax)
    {
        var contents = new List<byte[]>();
        int count = Device.Peek(Burst, max, ChainDirection.Readable);
        for (int i = 0; i < count; i++)
        {
            byte[] content = new byte[Segments(i).Sum(static s => (int)s.Length)];
            int at = 0;
            foreach (GuestSegment segment in Segments(i))
            {
                new Span<byte>((void*)segment.Address, (int)segment.Length).CopyTo(content.AsSpan(at));
                at += (int)segment.Length;
            }

            contents.Add(content);
        }

        Device.Complete(count);
        return contents;
    }

    /// <summary>The device fills up to <paramref name="max"/> writable chains with the bytes that <paramref name="next"/> gives for their length.</summary>
    public int ServeWritable(Func<int, byte[]> next, int max = ChainBurst.ChainsMax)
    {
        int count = Device.Peek(Burst, max, ChainDirection.Writable);
        for (int i = 0; i < count; i++)
        {
            byte[] bytes = next((int)Burst[i].TotalLength);
            int done = 0;
            foreach (GuestSegment segment in Segments(i))
            {
                int part = Math.Min(bytes.Length - done, (int)segment.Length);
                bytes.AsSpan(done, part).CopyTo(new Span<byte>((void*)segment.Address, part));
                done += part;
            }

            Written(i, (uint)bytes.Length);
        }

        Device.Complete(count);
        return count;
    }

    public void Written(int position, uint bytes) => Burst[position].Written = bytes;

    public IEnumerable<GuestSegment> Segments(int position)
    {
        Chain chain = Burst[position];
        return chain.SegmentCount == 1
            ? [new GuestSegment(chain.Address, chain.Length)]
            : Enumerable.Range(chain.SegmentStart, chain.SegmentCount).Select(i => Burst.Segment(i));
    }

    public List<UsedChain> Collect(int max = int.MaxValue)
    {
        var used = new UsedChain[Math.Min(max, Driver.Size)];
        return [.. used.AsSpan(0, Driver.CollectUsed(used))];
    }

    public void Dispose()
    {
        Device.Dispose();
        _call.Dispose();
        Driver.Dispose();
        Burst.Dispose();
        Memory.Dispose();
    }
}
