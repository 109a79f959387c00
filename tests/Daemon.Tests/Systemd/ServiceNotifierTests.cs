using System.Net.Sockets;
using System.Text;
using VhostNet.Daemon.Systemd;
using VhostNet.TestKit;

namespace VhostNet.Daemon.Tests.Systemd;

/// <summary>A service manager that does not read, reads late, or is gone: nobody waits for it, and what must arrive arrives.</summary>
public sealed class ServiceNotifierTests : IDisposable
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly TestDirectory _directory = new();
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public void Dispose()
    {
        _manager.Dispose();
        _directory.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task WhatMustArriveArrivesWhenAFullManagerReads(bool isAbstract)
    {
        using ServiceNotifier notifier = Listen(isAbstract);
        int filled = FillQueue(_manager.LocalEndPoint!);
        await Task.Run(() =>
        {
            notifier.Ready("up");
            notifier.Reloading();
            notifier.Ready("again");
            notifier.Status("one");
            notifier.Status("two");
            notifier.Watchdog();
            notifier.Stopping();
        }).WaitAsync(s_timeout);
        Assert.True(notifier.IsWaiting);

        for (int i = 0; i < filled; i++)
        {
            Assert.Equal("fill", Receive());
        }

        // The first READY is a part of what the second says.
        Assert.Matches("^RELOADING=1\nMONOTONIC_USEC=[0-9]+\nSTATUS=Reading the configuration again$", Receive());
        Assert.Equal("READY=1\nSTATUS=again", Receive());
        Assert.Equal("STATUS=two", Receive());
        Assert.Equal("STOPPING=1\nSTATUS=Stopping", Receive());
        Assert.True(SpinWait.SpinUntil(() => !notifier.IsWaiting, s_timeout));
        notifier.Watchdog();
        Assert.Equal("WATCHDOG=1", Receive());
    }

    [Fact]
    public async Task TheEndDoesNotWaitForAManagerThatNeverReads()
    {
        ServiceNotifier notifier = Listen(isAbstract: false);
        FillQueue(_manager.LocalEndPoint!);
        await Task.Run(() =>
        {
            notifier.Ready("up");
            notifier.Stopping();
            notifier.Dispose();
            notifier.Watchdog();
            notifier.Stopping();
        }).WaitAsync(s_timeout);
    }

    [Fact]
    public void AManagerThatIsGoneIsToldNothing()
    {
        using ServiceNotifier notifier = Listen(isAbstract: false);
        _manager.Dispose();
        notifier.Ready("up");
        notifier.Watchdog();
        Assert.False(notifier.IsWaiting);
    }

    /// <summary>
    /// Sends until the receiver's queue is full, from as many sockets as it takes: where the queue is long (net.unix.max_dgram_qlen), one sender's own buffer is full
    /// before.
    /// </summary>
    internal static int FillQueue(System.Net.EndPoint manager)
    {
        int count = 0;
        int more;
        do
        {
            more = Fill(manager);
            count += more;
        }
        while (more > 0);
        Assert.True(count > 0);
        return count;
    }

    private static int Fill(System.Net.EndPoint manager)
    {
        using var filler = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified) { Blocking = false };
        filler.Connect(manager);
        int count = 0;
        try
        {
            while (true)
            {
                filler.Send("fill"u8);
                count++;
            }
        }
        catch (SocketException e)
        {
            Assert.Equal(SocketError.WouldBlock, e.SocketErrorCode);
        }

        return count;
    }

    private ServiceNotifier Listen(bool isAbstract)
    {
        string name = isAbstract ? $"@vhostnet-test-{Guid.NewGuid():N}" : _directory.File("notify");
        _manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? $"\0{name[1..]}" : name));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", name);
        return ServiceNotifier.FromEnvironment();
    }

    private string Receive()
    {
        byte[] buffer = new byte[256];
        _manager.ReceiveTimeout = (int)s_timeout.TotalMilliseconds;
        return Encoding.UTF8.GetString(buffer, 0, _manager.Receive(buffer));
    }
}
