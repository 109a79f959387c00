using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>A session over a socket pair, its loop stepped by the test.</summary>
internal sealed class SessionFixture : IDisposable
{
    public const ulong SplitFeatures = VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.VERSION_1;

    public SessionFixture(RecordingDevice? device = null, SessionOptions? options = null)
    {
        Device = device ?? new RecordingDevice();
        Context = new AioContext(new AioContextOptions { Name = "test" });
        Context.BindToCurrentThread();
        Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int ours, out int theirs));
        Session = new VhostUserSession(Context, new FileDescriptor(ours), Device, "test", (options ?? new SessionOptions()) with { Log = Log });
        Front = new RawFrontEnd(Context, new FileDescriptor(theirs));
        Session.Start();
    }

    public AioContext Context { get; }

    public RecordingDevice Device { get; }

    public RecordingLog Log { get; } = new();

    public VhostUserSession Session { get; }

    public RawFrontEnd Front { get; }

    public static ulong FdPayload(int ring, bool noFd = false) => (uint)ring | (noFd ? VringFdPayload.NoFdFlag : 0);

    /// <summary>Where the ring's areas lie in a test's guest memory: 16 KiB for each ring, from address 0.</summary>
    public static VringAddress Address(int ring, uint flags = 0, ulong log = 0)
    {
        ulong start = GuestMemory.UserBase + (ulong)(ring * 0x4000);
        return new VringAddress((uint)ring, flags, start, start + 0x2000, start + 0x1000, log);
    }

    public void Negotiate(ulong features = SplitFeatures, ulong? protocolFeatures = null)
    {
        Front.Ask<ulong>(RequestCode.GET_FEATURES);
        ulong offered = Front.Ask<ulong>(RequestCode.GET_PROTOCOL_FEATURES);
        Front.Tell(RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(protocolFeatures ?? offered));
        Front.AskAcknowledgement = ((protocolFeatures ?? offered) & ProtocolFeatures.REPLY_ACK) != 0;
        Front.Tell(RequestCode.SET_OWNER);
        Front.Tell(RequestCode.SET_FEATURES, RawFrontEnd.Bytes(features));
    }

    public void SetUpRing(int ring, uint size = 256, uint position = 0)
    {
        Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState((uint)ring, size)));
        Front.Tell(RequestCode.SET_VRING_BASE, RawFrontEnd.Bytes(new VringState((uint)ring, position)));
        Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(Address(ring)));
    }

    public void Kick(int ring)
    {
        using var notifier = new EventNotifier();
        Front.Tell(RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(FdPayload(ring)), notifier.Fd);
    }

    public void Enable(int ring, bool on = true) => Front.Tell(RequestCode.SET_VRING_ENABLE, RawFrontEnd.Bytes(new VringState((uint)ring, on ? 1u : 0u)));

    public uint GetBase(int ring) => Ask(RequestCode.GET_VRING_BASE, ring);

    public uint Ask(RequestCode request, int ring) => Front.Ask<VringState>(request, RawFrontEnd.Bytes(new VringState((uint)ring, 0))).Num;

    public void Dispose()
    {
        Front.Dispose();
        Front.Settle();
        Session.Dispose();
        Context.Dispose();
    }
}
