using Microsoft.Extensions.Logging.Abstractions;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Configuration.Ports;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

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
        var failing = new FailingPort(explained ? new PortException("as foreseen") : new InvalidDataException("as nobody foresaw"));
        var composition = new Composition(control, new FailingFactory(control.Context, activation, failing), watchdog, NullLogger<Composition>.Instance);
        DaemonOptions options = new()
        {
            Networks = [new NetworkOptions("net", "switch") { Switch = new() }],
            Ports = [new PortOptions("good", "null") { Network = "net", KindOptions = new NullPortOptions() }],
        };
        DaemonOptions after = options with { Ports = [.. options.Ports, new PortOptions("bad", "null") { Network = "net", KindOptions = new NullPortOptions() }] };
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

    private sealed class FailingFactory(AioContext control, SocketActivation activation, Port failing)
        : PortFactory(control, activation, NullSessionLog.Instance, null)
    {
        public override Port Create(PortOptions options, IReadOnlyList<IoThread> threads) =>
            options.Name == failing.Name ? failing : base.Create(options, threads);
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
