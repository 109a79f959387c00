using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>Makes layouts of rings that lie in one guest memory, whose address space is made once.</summary>
internal sealed class AddressSpaceLayout(GuestMemory memory)
{
    private readonly AddressSpace _space = memory.ToAddressSpace();

    public VirtqueueLayout Of(DriverQueue queue, ulong features) => new()
    {
        Index = queue.Index,
        Size = queue.Size,
        Features = features,
        Descriptors = memory.HostAddress(queue.DescriptorAddress),
        Driver = memory.HostAddress(queue.DriverAddress),
        Device = memory.HostAddress(queue.DeviceAddress),
        Buffers = _space,
    };
}
