using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>
/// A back end under attack and, on the same loop, an innocent one with a front end of its own, all on one thread. A case connects, does harm, disconnects; after it, nothing of it
/// may be left and the innocent connection must work.
/// </summary>
internal abstract class InlineSessionTarget : FuzzTarget
{
    private const ulong BystanderFeatures = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.INDIRECT_DESC;

    /// <summary>Cases between two looks at the innocent connection.</summary>
    private const int ExchangeEvery = 8;

    private readonly Loop _loop = new(looksInUserSpace: false);
    private readonly InlineBackend _innocent;
    private readonly GuestMemory _innocentMemory = GuestMemory.Create(1 << 20);
    private readonly VhostUserFrontend _innocentFrontend;
    private readonly EchoRings _innocentRings;
    private int _cases;

    protected InlineSessionTarget(Func<Loop, EchoDevice> device)
    {
        Victim = new InlineBackend(_loop, device(_loop), SessionTarget.BaseOptions);
        _innocent = new InlineBackend(_loop, new EchoDevice(thread: _loop.Thread), SessionTarget.BaseOptions);
        (_innocentFrontend, _innocentRings) = OnLoop(() =>
        {
            VhostUserFrontend frontend = _innocent.Connect(new FrontendOptions { Features = BystanderFeatures });
            frontend.Negotiate();
            frontend.ShareMemory(_innocentMemory);
            var rings = new EchoRings(frontend, _innocentMemory, 32);
            rings.Start();
            return (frontend, rings);
        });
        _loop.Run(() => Exchange(5));
    }

    public override string LogTail => string.Join("\n       ", Victim.Log.Lines.TakeLast(40));

    protected InlineBackend Victim { get; }

    protected override int CountEvery => IsVerbose ? 1 : 256;

    public override void Within(Action action) => _loop.Run(action);

    public override void Dispose()
    {
        _loop.Run(() =>
        {
            _innocentRings.Dispose();
            _innocentFrontend.Dispose();
            _innocent.Dispose();
            Victim.Dispose();
        });
        _innocentMemory.Dispose();
        _loop.Dispose();
    }

    protected override void Attack(Random random)
    {
        Victim.Log.Clear();
        Victim.Log.KeepDebug = IsVerbose;
        Victim.Device.Requests.Clear();
        try
        {
            AttackSession(random);
        }
        catch (VhostUserFrontendException e) when (e.Error is FrontendError.Closed or FrontendError.Refused or FrontendError.BadReply or FrontendError.NotOffered)
        {
            // The victim may hang up on an attacker, or refuse what it sends, at any time.
        }
        catch (VhostUserFrontendException e)
        {
            throw new FuzzException($"the back end does not answer: {e.Message}");
        }
    }

    /// <summary>Connects, does harm, disconnects and disposes of everything that it made.</summary>
    protected abstract void AttackSession(Random random);

    protected override void CheckAftermath()
    {
        if (!Victim.WaitForEnd())
        {
            throw new FuzzException("the session did not end after the front end hung up");
        }

        if (Victim.Device.StartedQueues != 0)
        {
            throw new FuzzException($"{Victim.Device.StartedQueues} queues still run on the device");
        }

        if (_cases++ % ExchangeEvery == 0)
        {
            Exchange(3);
        }
    }

    private T OnLoop<T>(Func<T> function)
    {
        T? result = default;
        _loop.Run(() => result = function());
        return result!;
    }

    private void Exchange(int count)
    {
        try
        {
            for (int i = 0; i < count; i++)
            {
                _innocentRings.Post();
                _innocentRings.Send();
            }

            _innocentRings.Receive.Publish();
            _innocentRings.Receive.KickIfWanted();
            _innocentRings.Transmit.Publish();
            _innocentRings.Transmit.KickIfWanted();
            _loop.Settle();
            _innocentRings.Await(count);
        }
        catch (InvalidDataException e)
        {
            throw new FuzzException($"the other connection suffered: {e.Message}");
        }
    }
}
