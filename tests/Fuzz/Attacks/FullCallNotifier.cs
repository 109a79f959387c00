using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks;

/// <summary>
/// SET_VRING_CALL without a descriptor, then with an eventfd whose counter is full, while another thread keeps clearing O_NONBLOCK, which belongs to the open file and
/// so to both sides: whoever writes to it on the control thread may wait for ever.
/// </summary>
internal sealed class FullCallNotifier : Attack
{
    private readonly FileDescriptor _full = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
    private AttackGuest? _guest;
    private Thread? _clearer;
    private volatile bool _ends;

    public override IEnumerable<object> Ports(TestDirectory directory) => [Guest(directory, "attacker", "hole"), new Dictionary<string, object> { ["name"] = "sink", ["kind"] = "null", ["network"] = "hole" }];

    public override IEnumerable<object> Networks(TestDirectory directory) => [new { name = "hole", kind = "wire" }];

    public override void Begin(AttackScene scene)
    {
        _ = write(_full.Value, ulong.MaxValue - 1);
        _guest = new AttackGuest(scene.Socket("attacker"));
        _clearer = new Thread(Clear) { Name = "clearer", IsBackground = true };
        _clearer.Start();
    }

    public override void Round(AttackScene scene)
    {
        if (_guest!.Frontend is null)
        {
            _guest.Run();
        }

        try
        {
            for (int i = 0; i < 20; i++)
            {
                _guest.Frontend!.SetVringCall(1, null);
                _guest.Send(Packets.Broadcast());
                _guest.Frontend.SetVringCall(1, _full);
            }
        }
        catch (VhostUserFrontendException)
        {
            _guest.Disconnect();
            throw;
        }
    }

    protected override void Release()
    {
        _ends = true;
        _clearer?.Join();
        _guest?.Dispose();
        _full.Dispose();
    }

    private void Clear()
    {
        while (!_ends)
        {
            _ = fcntl(_full.Value, F_SETFL, 0);
        }
    }
}
