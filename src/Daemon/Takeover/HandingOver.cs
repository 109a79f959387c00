using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Systemd;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Takeover;

/// <summary>
/// Hands everything over to another process: tells it what there is while frames flow, waits until it is ready, stands still, lets it go on, and ends. Whatever
/// fails on the way, this process goes on as if nothing had been. One thread at a time, which is neither the control nor a data thread.
/// </summary>
internal sealed class HandingOver(
    DaemonService daemon, ReadFile file, LiveChanges changes, IListeningSockets listeners, ServiceNotifier notifier, IHostApplicationLifetime lifetime,
    ILogger<HandingOver> logger)
{
    /// <summary>How long this process stands still at most before it goes on by itself.</summary>
    internal static readonly TimeSpan GapLimit = TimeSpan.FromSeconds(2);

    private static readonly TimeSpan s_noteLimit = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_preparationLimit = TimeSpan.FromSeconds(60);

    // A transfer of device state or a reply that waits for room in a socket ends within milliseconds, or not at all.
    private static readonly TimeSpan s_momentLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_momentPause = TimeSpan.FromMilliseconds(5);

    /// <summary>Hands over.</summary>
    /// <param name="channel">The way to the other process.</param>
    /// <param name="process">Its id.</param>
    /// <returns>True; this process ends.</returns>
    /// <exception cref="HandoverException">Nothing came of it.</exception>
    public bool Run(HandoverChannel channel, int process)
    {
        try
        {
            HelloRecord hello = Greet(channel);
            CheckService(hello);
            logger.Begins(process, hello.Product);
            DaemonOptions before = Describe(channel);
            channel.Receive(HandoverKind.Ready, s_preparationLimit).Dispose();
            RunAtAMoment(() => Switch(channel, before));
        }
        catch (Exception e) when (e is HandoverException or ErrnoException or InvalidOperationException or InvalidDataException)
        {
            string reason = StartupFailures.Sentence(e.Message);
            channel.TrySendFailure($"process {Environment.ProcessId}, which goes on, says: {reason}");
            throw e as HandoverException ?? new HandoverException(reason, inner: e);
        }

        notifier.HandOver(process);
        listeners.Abandon();
        logger.HandedOver(process);
        try
        {
            channel.Send(HandoverKind.Over, string.Empty, s_noteLimit);
        }
        catch (HandoverException)
        {
            // It goes on without waiting for this.
        }

        lifetime.StopApplication();
        return true;
    }

    private static HelloRecord Greet(HandoverChannel channel)
    {
        using HandoverMessage message = channel.Receive(HandoverKind.Hello, s_noteLimit);
        HelloRecord hello;
        try
        {
            hello = JsonSerializer.Deserialize(message.Payload, HandoverJson.Default.HelloRecord) ?? throw new InvalidDataException("its greeting is empty");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"its greeting can't be understood: {e.Message}", e);
        }

        return HandoverState.Newest >= hello.Oldest && HandoverState.Newest <= hello.Newest
            ? hello
            : throw new HandoverException(
                $"vhostnetd {hello.Product} reads states of the forms {hello.Oldest} to {hello.Newest}, and this one writes form {HandoverState.Newest}; " +
                    "go by a release in between");
    }

    // A service manager takes no process for the service that is outside its control group, and would end what is left of it with this one.
    private void CheckService(HelloRecord hello)
    {
        if (notifier is { IsActive: true, IsServiceManagers: true } && hello.ControlGroup != HelloRecord.OwnControlGroup)
        {
            throw new HandoverException(
                $"it runs as a service, in control group {HelloRecord.OwnControlGroup}, and only a process of that group can go on as that service; use " +
                    "systemctl reload");
        }
    }

    private DaemonOptions Describe(HandoverChannel channel)
    {
        using var descriptors = new DescriptorList();
        HandoverState? state = null;
        DaemonOptions? options = null;
        RunAtAMoment(() =>
        {
            Composition composition = daemon.Composition;
            if (composition.RefusalToHandOver() is { } refusal)
            {
                throw new HandoverException(refusal);
            }

            options = composition.Options;
            state = composition.Describe(descriptors) with
            {
                Product = Common.Product.Version,
                Configuration = new ConfigurationRecord([.. Items(options)], [.. file.Known.Values.Select(Record)], changes.Unsaved),
                Sockets = [.. composition.Listening.Concat(listeners.Listening).Select(s => Record(s, descriptors))],
                Manager = notifier.Path is { } path ? new ManagerRecord(path, (long)(notifier.WatchdogInterval?.TotalMicroseconds ?? 0)) : null,
            };
        });
        channel.Send(HandoverKind.State, state!.ToBytes(), descriptors.All, s_noteLimit);
        return options!;
    }

    /// <summary>On the control thread, which does nothing else meanwhile: no message, no timer, no change of the configuration comes in between.</summary>
    private void Switch(HandoverChannel channel, DaemonOptions before)
    {
        Composition composition = daemon.Composition;
        if (composition.RefusalToHandOver() is { } refusal)
        {
            throw new HandoverException(refusal);
        }

        if (!ReferenceEquals(composition.Options, before))
        {
            throw new HandoverException("ports or networks were changed meanwhile; try again");
        }

        using var descriptors = new DescriptorList();
        using var baton = Baton.Create();
        bool isHandedOver = false;
        try
        {
            HandoverState state = composition.StandStill(descriptors) with { Baton = descriptors.Add(baton.File.Duplicate()) };
            channel.Send(HandoverKind.Final, state.ToBytes(), descriptors.All, GapLimit);
            WaitUntilStarted(channel, baton);
            isHandedOver = true;
        }
        finally
        {
            if (isHandedOver)
            {
                composition.Abandon();
            }
            else
            {
                // A process that had begun has ended, or it would have been waited for: see below.
                composition.GoOn(mayHaveMoved: baton.IsTaken);
            }
        }
    }

    private static void WaitUntilStarted(HandoverChannel channel, Baton baton)
    {
        try
        {
            channel.Receive(HandoverKind.Started, GapLimit).Dispose();
        }
        catch (HandoverException e) when (!e.IsGone && !baton.TryWithdraw())
        {
            // It has begun, and so must not be joined by this process; unless it ends, it is what forwards from here on.
            WaitForTheOneThatBegan(channel);
        }
        catch (HandoverException)
        {
            // Gone without having begun: it can't do so any more.
            _ = baton.TryWithdraw();
            throw;
        }
    }

    private static void WaitForTheOneThatBegan(HandoverChannel channel)
    {
        try
        {
            channel.Receive(HandoverKind.Started, s_noteLimit).Dispose();
        }
        catch (HandoverException e) when (!e.IsGone)
        {
            // It lives, and has the guests.
        }
    }

    private void RunAtAMoment(Action action)
    {
        long deadline = Environment.TickCount64 + (long)s_momentLimit.TotalMilliseconds;
        bool isDone = false;
        while (!isDone)
        {
            daemon.Control.Run(() =>
            {
                if (daemon.Composition.CanHandOver)
                {
                    action();
                    isDone = true;
                }
            });
            if (!isDone)
            {
                if (Environment.TickCount64 > deadline)
                {
                    throw new HandoverException("a front end has not read what it was told, or moves its state; try again when it is done");
                }

                if (lifetime.ApplicationStopping.WaitHandle.WaitOne(s_momentPause))
                {
                    throw new HandoverException("it ends");
                }
            }
        }
    }

    private static IEnumerable<ItemRecord> Items(DaemonOptions options) =>
    [
        .. options.Networks.Select(n => new ItemRecord("networks", n.Name, n.Source, n.Source is null)),
        .. options.Ports.Select(p => new ItemRecord("ports", p.Name, p.Source, p.IsFromCommandLine)),
    ];

    private static ItemRecord Record(ReadItem item) => new(item.List, item.Name, item.Value);

    private static SocketRecord Record(ListeningSocket socket, DescriptorList descriptors) =>
        new(socket.Name, socket.Path, descriptors.Add(socket.Descriptor.Duplicate()), socket.IsOurs);
}
