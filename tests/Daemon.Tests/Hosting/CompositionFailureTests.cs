using Microsoft.Extensions.Logging.Abstractions;
using VhostNet.Aio;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;
using VhostNet.VirtioNet.Ports.Null;

namespace VhostNet.Daemon.Tests.Hosting;

/// <summary>Whatever a port throws while it is added, nothing of it is left.</summary>
public sealed class CompositionFailureTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void APortThatFailsToStartLeavesNothingBehind(bool explained)
    {
        using var control = new IoThread(new IoThreadOptions { Name = "control", Policy = PollPolicy.Interrupt });
        using ServiceNotifier notifier = ServiceNotifier.FromEnvironment();
        using SocketActivation activation = SocketActivation.FromEnvironment();
        using var watchdog = new Watchdog(notifier, TimeProvider.System, NullLogger<Watchdog>.Instance);
        control.Start();
        var composition = new Composition(
            control, new PortFactory(control.Context, activation, NullSessionLog.Instance, null), watchdog, NullLogger<Composition>.Instance);
        var failing = new FailingPort(explained ? new PortException("as foreseen") : new InvalidDataException("as nobody foresaw"));
        DaemonOptions options = new()
        {
            Networks = [new NetworkOptions("net", "switch") { Switch = new() }],
            Ports = [new PortOptions("good", "null") { Network = "net", Create = (o, _) => new NullPort(o.Name) }],
        };
        DaemonOptions after = options with { Ports = [.. options.Ports, new PortOptions("bad", "null") { Network = "net", Create = (_, _) => failing }] };
        control.Run(() =>
        {
            composition.Build(options);
            Exception thrown = Assert.ThrowsAny<Exception>(() => composition.AddPort(after.Ports[1], after));
            Assert.Equal(explained, thrown is RefusalException);
            Assert.Equal(["good"], composition.Networks[0].Ports.Select(p => p.Name));
            Assert.Equal(["good"], composition.Ports.Select(p => p.Port.Name));
            composition.Dispose();
        });
        Assert.True(failing.IsDisposed);
    }

    private sealed class FailingPort(Exception failure) : Port("bad")
    {
        public override string Kind => "null";

        public override Offloads Accepts => Offloads.None;

        public bool IsDisposed { get; private set; }

        public override void Start() => throw failure;

        public override int Deliver(FrameBurst burst, ReadOnlySpan<ushort> frames, int queue, BottomHalf? waiter) => frames.Length;

        protected override void Dispose(bool disposing)
        {
            IsDisposed = true;
            base.Dispose(disposing);
        }
    }
}
