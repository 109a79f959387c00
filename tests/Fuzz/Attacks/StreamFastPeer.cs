using System.Net.Sockets;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks;

/// <summary>A stream peer that takes everything at once, and a guest on another thread that always has more.</summary>
internal sealed class StreamFastPeer : Attack
{
    private readonly byte[] _buffer = new byte[1 << 20];
    private Socket? _peer;
    private AttackGuest? _guest;
    private Thread? _reader;

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "far", kind = "wire" }];

    public override IEnumerable<object> Ports(TestDirectory directory)
    {
        Dictionary<string, object> guest = Guest(directory, "attacker", "far");
        guest["threads"] = new[] { "io1" };
        return [guest, new Dictionary<string, object> { ["name"] = "stream", ["kind"] = "stream", ["network"] = "far", ["address"] = $"listen:unix:{directory.File("stream")}" }];
    }

    public override void Begin(AttackScene scene)
    {
        _peer = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _peer.Connect(new UnixDomainSocketEndPoint(scene.Directory.File("stream")));
        _reader = new Thread(Read) { Name = "stream peer", IsBackground = true };
        _reader.Start();
        _guest = new AttackGuest(scene.Socket("attacker"), 1024);
        _guest.Run();
        for (int i = 0; i < 1024; i++)
        {
            _guest.Write(i, Packets.Broadcast());
        }
    }

    public override void Round(AttackScene scene)
    {
        for (int i = 0; i < 500; i++)
        {
            AttackGuest.KeepFull(_guest!.Tx);
            _ = write(_guest.Tx.Kick.Value, 1UL);
        }
    }

    protected override void Release()
    {
        _guest?.Dispose();
        _peer?.Dispose();
        _reader?.Join();
    }

    private void Read()
    {
        try
        {
            while (_peer!.Receive(_buffer) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // The end.
        }
        catch (ObjectDisposedException)
        {
            // The end.
        }
    }
}
