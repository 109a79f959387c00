using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A service manager whose NOTIFY_SOCKET is full and is not read: the daemon serves, and ends when it is told to.</summary>
internal sealed class SilentServiceManager : Attack
{
    private readonly Socket _manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private readonly Socket _filler = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
    private string _path = "";

    public override IReadOnlyDictionary<string, string> Environment(TestDirectory directory)
    {
        _path = directory.File("notify");
        _manager.Bind(new UnixDomainSocketEndPoint(_path));
        return new Dictionary<string, string> { ["NOTIFY_SOCKET"] = _path, ["WATCHDOG_USEC"] = "400000" };
    }

    public override void Begin(AttackScene scene)
    {
        _filler.Connect(new UnixDomainSocketEndPoint(_path));
        _filler.Blocking = false;
    }

    public override void Round(AttackScene scene)
    {
        try
        {
            while (true)
            {
                _ = _filler.Send((ReadOnlySpan<byte>)[65]);
            }
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
        {
            _ = poll([], 10);
        }
    }

    public override void End(AttackScene scene)
    {
        scene.Process.Signal(SIGTERM);
        scene.EndsByItself = scene.Process.Exited.Wait(TimeSpan.FromSeconds(5))
            ? true
            : throw new FuzzException("the daemon does not end within 5 s of SIGTERM while nobody reads NOTIFY_SOCKET");
    }

    protected override void Release()
    {
        _manager.Dispose();
        _filler.Dispose();
    }
}
