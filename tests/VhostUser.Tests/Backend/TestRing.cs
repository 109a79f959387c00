using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A driver's side of a split ring, as small as it can be: it writes straight into the test's guest memory.</summary>
internal sealed class TestRing(GuestMemory guest, int ring, int size = 256)
{
    private const int DescriptorsAt = 0, AvailAt = 0x1000, UsedAt = 0x2000;

    private readonly int _start = ring * 0x4000;
    private ushort _avail;

    public ushort UsedIndex
    {
        get => Wire.Read<ushort>(guest.Mapping.AsSpan()[(_start + UsedAt + 2)..]);
        set => Wire.Write(guest.Mapping.AsSpan()[(_start + UsedAt + 2)..], value);
    }

    /// <summary>Makes one buffer available, in the descriptor of its head.</summary>
    public void Add(ushort head, ulong address, uint length, bool write)
    {
        Span<byte> memory = guest.Mapping.AsSpan()[_start..];
        var descriptor = new SplitDescriptor { addr = address, len = length, flags = write ? SplitDescriptor.F_WRITE : (ushort)0 };
        Wire.Write(memory[(DescriptorsAt + (head * 16))..], descriptor);
        Wire.Write(memory[(AvailAt + 4 + (_avail % size * 2))..], head);
        Wire.Write(memory[(AvailAt + 2)..], ++_avail);
    }

    /// <summary>Makes a chain available that is an indirect table at an address.</summary>
    public void AddTable(ushort head, ulong address, uint length)
    {
        Add(head, address, length, write: false);
        Wire.Write(guest.Mapping.AsSpan()[(_start + DescriptorsAt + (head * 16) + 12)..], SplitDescriptor.F_INDIRECT);
    }

    /// <summary>The element at a place of the used ring.</summary>
    public (uint Id, uint Length) Used(int place)
    {
        Span<byte> element = guest.Mapping.AsSpan()[(_start + UsedAt + 4 + (place % size * 8))..];
        return (Wire.Read<uint>(element), Wire.Read<uint>(element[4..]));
    }

    /// <summary>Lets a virtqueue complete what is available, each chain with <paramref name="written"/> bytes written.</summary>
    public static int Serve(Virtqueue queue, ChainDirection direction, uint written = 0)
    {
        using var burst = new ChainBurst();
        int count = 0;
        queue.RunLocked(ring =>
        {
            count = ring.Peek(burst, 64, direction);
            for (int i = 0; i < count; i++)
            {
                burst[i].Written = written;
            }

            ring.Complete(count);
            ring.NotifyGuest();
        });
        return count;
    }
}
