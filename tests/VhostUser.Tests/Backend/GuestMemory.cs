using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A piece of guest memory as a front end has it: a memfd, mapped here as well.</summary>
internal sealed class GuestMemory : IDisposable
{
    public const ulong UserBase = 0x7000_0000_0000;

    public GuestMemory(int size = 1 << 20, ulong guestAddress = 0, bool seal = true)
    {
        File = FileDescriptor.FromResult(memfd_create("guest", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
        Assert.Equal(0, ftruncate(File.Value, size));
        if (seal)
        {
            Assert.Equal(0, fcntl(File.Value, F_ADD_SEALS, F_SEAL_SHRINK));
        }

        Mapping = Mapping.Map(File.Value, 0, (nuint)size, PROT_READ | PROT_WRITE, MAP_SHARED);
        GuestAddress = guestAddress;
        Size = size;
    }

    public FileDescriptor File { get; }

    public Mapping Mapping { get; }

    public ulong GuestAddress { get; }

    public ulong UserAddress => UserBase + GuestAddress;

    public int Size { get; }

    public MemoryRegionPayload Region => new(GuestAddress, (ulong)Size, UserAddress, 0);

    public byte[] SingleRegion
    {
        get
        {
            byte[] payload = new byte[MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size];
            Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize), Region);
            return payload;
        }
    }

    public static byte[] Table(params GuestMemory[] memories)
    {
        byte[] payload = new byte[MemoryRegionPayload.PrefixSize + (memories.Length * MemoryRegionPayload.Size)];
        Wire.Write(payload, (uint)memories.Length);
        for (int i = 0; i < memories.Length; i++)
        {
            Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize + (i * MemoryRegionPayload.Size)), memories[i].Region);
        }

        return payload;
    }

    public void Dispose()
    {
        Mapping.Dispose();
        File.Dispose();
    }
}
