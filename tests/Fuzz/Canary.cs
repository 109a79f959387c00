using VhostNet.Fuzz.Frames;
using VhostNet.Fuzz.Networked;
using VhostNet.Fuzz.Switch;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>Back ends with a fault built in on purpose, one for each promise: the fuzzer has to find every one of them, or it does not look.</summary>
internal static class Canary
{
    /// <summary>The name of each fault, a target that has it, and words of the finding that is right.</summary>
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> All =>
    [
        ("a range check that is a page too wide", () => new RingsTarget(TooWide), ["no descriptor names", "never sent"]),
        ("the same behind a session", () => new LiveRingsTarget(options: SessionTarget.BaseOptions with { CreateVirtqueue = TooWide }), ["no descriptor names", "never sent"]),
        ("a descriptor that is lost now and then", () => new MessagesTarget(LoseDescriptor), ["left behind"]),
        ("an exception that nobody catches", () => new MessagesTarget(Throw), ["an exception escaped"]),
        .. FrameCanary.All,
        .. NetworkedCanary.All,
        .. SwitchCanary.All,
    ];

    /// <summary>Faults that end the process: the name, a target that has it, and what the process's last words have to contain, one of them.</summary>
    public static IEnumerable<(string Name, Func<FuzzTarget> Create, string[] Findings)> Deadly => NetworkedCanary.Deadly;

    /// <summary>Queues whose address space has the guard's first page behind the playground's last.</summary>
    private static Virtqueue TooWide(VirtqueueLayout layout, uint position)
    {
        MemoryWindow[] windows = [.. layout.Buffers.Windows];
        MemoryWindow guard = windows[^1], playground = windows[^2];
        var wide = new AddressSpace([.. windows, new MemoryWindow(playground.Start + playground.Size, 4096, guard.HostBase)]);
        return VirtqueueFactory.Create(layout with { Buffers = wide }, position);
    }

    private static void LoseDescriptor(DeviceRequest request)
    {
        if (request.Kind == DeviceRequestKind.Announce)
        {
            _ = eventfd(0, EFD_CLOEXEC);
        }
    }

    private static void Throw(DeviceRequest request)
    {
        if (request is { Kind: DeviceRequestKind.SetMtu, Value: 4096 })
        {
            throw new InvalidOperationException("the canary sings");
        }
    }
}
