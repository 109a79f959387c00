using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Transport;
using static VhostNet.VhostUser.Virtqueues.VirtioFeatures;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Our front end against DPDK's back end (testpmd with net_vhost): split and packed, in order and not, mergeable and not, as client and as server.</summary>
[Trait("Category", "Peer")]
public sealed class DpdkPeerTests
{
    private const ulong MRG_RXBUF = 1 << 15;
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    private readonly string _socket = Path.Combine(Path.GetTempPath(), $"vhostnet-dpdk-{Guid.NewGuid():n}.sock");

    [Fact]
    public void FramesComeBackWithEveryCombination()
    {
        using var peer = new TestpmdEcho(_socket, client: false);
        foreach (ulong features in Combinations())
        {
            // One connection after the other to one process: each is a reconnection of the front end to it.
            using GuestMemory memory = GuestMemory.Create(4 << 20, 0x1_0000_0000);
            using VhostUserFrontend frontend = Open(VhostUserFrontend.ConnectSocket(_socket, s_patience), memory, features);
            Assert.Equal(features, frontend.Features);
            using var rings = new NetRings(frontend, memory, (features & INDIRECT_DESC) != 0);
            rings.Start();
            rings.Settle();
            rings.Exchange(300);
            rings.Stop();
            rings.Start();
            rings.Settle();
            rings.Exchange(100);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(RING_PACKED)]
    public void TheFrontEndListensAndTheBackEndComesBack(ulong layout)
    {
        ulong features = Modern | MRG_RXBUF | layout;
        using UnixListener listener = UnixListener.Bind(_socket);
        using GuestMemory memory = GuestMemory.Create(4 << 20, 0x1_0000_0000);
        using var first = new TestpmdEcho(_socket, client: true);
        using VhostUserFrontend frontend = Open(VhostUserFrontend.AcceptSocket(listener, s_patience), memory, features);
        using var rings = new NetRings(frontend, memory, false);
        rings.Start();
        rings.Settle();
        rings.Exchange(200);

        // The back end dies and another one takes over the rings as they are.
        first.Dispose();
        using var second = new TestpmdEcho(_socket, client: true);
        frontend.Reconnect(VhostUserFrontend.AcceptSocket(listener, s_patience));
        rings.Settle();
        rings.Exchange(200);

        // The front end hangs up, and the back end, which is a client, connects again by itself.
        _ = shutdown(frontend.Socket.Value, SHUT_RDWR);
        frontend.Reconnect(VhostUserFrontend.AcceptSocket(listener, s_patience));
        rings.Settle();
        rings.Exchange(200);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(RING_PACKED)]
    public void TheBackEndListensAndEitherSideComesBack(ulong layout)
    {
        ulong features = Modern | IN_ORDER | layout;
        using GuestMemory memory = GuestMemory.Create(4 << 20, 0x1_0000_0000);
        var first = new TestpmdEcho(_socket, client: false);
        using VhostUserFrontend frontend = Open(VhostUserFrontend.ConnectSocket(_socket, s_patience), memory, features);
        using var rings = new NetRings(frontend, memory, false);
        rings.Start();
        rings.Settle();
        rings.Exchange(200);
        _ = shutdown(frontend.Socket.Value, SHUT_RDWR);
        frontend.Reconnect(VhostUserFrontend.ConnectSocket(_socket, s_patience));
        rings.Settle();
        rings.Exchange(200);
        first.Dispose();
        File.Delete(_socket);
        using var second = new TestpmdEcho(_socket, client: false);
        frontend.Reconnect(VhostUserFrontend.ConnectSocket(_socket, s_patience));
        rings.Settle();
        rings.Exchange(200);
    }

    [Fact]
    public void MemoryChangesUnderTraffic()
    {
        using var peer = new TestpmdEcho(_socket, client: false);
        using GuestMemory memory = GuestMemory.Create(4 << 20, 0x1_0000_0000);
        using VhostUserFrontend frontend = Open(VhostUserFrontend.ConnectSocket(_socket, s_patience), memory, Modern);
        using var rings = new NetRings(frontend, memory, false);
        rings.Start();
        rings.Settle();
        for (int i = 0; i < 5; i++)
        {
            rings.Exchange(50);
            GuestRegion added = memory.AddRegion(0x8_0000_0000 + ((ulong)i << 24), 1 << 20);
            frontend.ShareMemory(memory);
            rings.Exchange(50);
            memory.RemoveRegion(added);
            frontend.ShareMemory(memory);
            added.Dispose();
        }

        rings.Exchange(50);
    }

    private static ulong Modern => VERSION_1 | PROTOCOL_FEATURES;

    private static IEnumerable<ulong> Combinations()
    {
        ulong[] bits = [RING_PACKED, IN_ORDER, MRG_RXBUF, INDIRECT_DESC | EVENT_IDX];
        for (int chosen = 0; chosen < 1 << bits.Length; chosen++)
        {
            yield return Modern | bits.Where((_, i) => (chosen >> i & 1) != 0).Aggregate(0UL, (sum, b) => sum | b);
        }
    }

    private static VhostUserFrontend Open(FileDescriptor socket, GuestMemory memory, ulong features)
    {
        var frontend = new VhostUserFrontend(socket, new FrontendOptions { Features = features, Timeout = s_patience });
        frontend.Negotiate();
        frontend.ShareMemory(memory);
        return frontend;
    }
}
