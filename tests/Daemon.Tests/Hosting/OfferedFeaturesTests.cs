using VhostNet.Aio;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Daemon.Tests.Hosting;

/// <summary>What a port offers its guest, as its <c>features</c> say.</summary>
public sealed class OfferedFeaturesTests
{
    /// <summary>A reset of one ring is the front end's to pass on, which not every QEMU does for vhost-user: whoever has one that does says so.</summary>
    [Theory]
    [InlineData("", false)]
    [InlineData(""", "features": {"packed": true}""", false)]
    [InlineData(""", "features": {"ring_reset": false}""", false)]
    [InlineData(""", "features": {"ring_reset": true}""", true)]
    public void RingResetIsOfferedOnlyIfTheKeySaysSo(string features, bool offered)
    {
        ulong offer = Offer(features);
        Assert.Equal(offered ? VirtioFeatures.RING_RESET : 0, offer & VirtioFeatures.RING_RESET);
        Assert.Equal(VirtioNetFeatures.All & ~(VirtioFeatures.RING_RESET | VirtioNetFeatures.MQ), offer & ~VirtioFeatures.RING_RESET);
    }

    [Fact]
    public void AFeatureThatIsSwitchedOffIsNotOffered() =>
        Assert.Equal(0UL, Offer(""", "features": {"csum": false}""") & VirtioNetFeatures.CSUM);

    private static ulong Offer(string features)
    {
        string json = """{"ports": [{"name": "vm0", "kind": "vhost-user", "socket": {"path": "/run/x.sock"}""" + features + "}]}";
        DaemonOptions options = ConfigReader.Read(System.Text.Encoding.UTF8.GetBytes(json));
        using var control = new IoThread(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt });
        using SocketActivation activation = SocketActivation.FromEnvironment();
        using Port port = new PortFactory(control.Context, activation, NullSessionLog.Instance, null).Create(options.Ports[0], [control]);
        return ((VhostUserPort)port).Device.Features;
    }
}
