using VhostNet.TestKit;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.Fuzz;

/// <summary>
/// A back end under attack and, on the same control thread, an innocent one with a front end of its own. A case connects, does harm, disconnects; after
/// it, nothing of it may be left and the innocent connection must work.
/// </summary>
internal abstract class SessionTarget : FuzzTarget
{
    private const ulong BystanderFeatures = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | VirtioFeatures.INDIRECT_DESC;

    private readonly SessionHarness _innocent;
    private readonly GuestMemory _innocentMemory;
    private readonly VhostUserFrontend _innocentFrontend;
    private readonly EchoRings _innocentRings;

    protected SessionTarget(EchoDevice device, SessionOptions options)
    {
        Victim = new SessionHarness(device, options);
        _innocent = new SessionHarness(host: Victim);
        _innocentMemory = GuestMemory.Create(1 << 20);
        _innocentFrontend = _innocent.Open(_innocentMemory, BystanderFeatures);
        _innocentRings = new EchoRings(_innocentFrontend, _innocentMemory, 32);
        _innocentRings.Start();
        _innocentRings.Exchange(10);
    }

    /// <summary>The last lines that the session under attack wrote.</summary>
    public override string LogTail => string.Join("\n       ", Victim.Log.Lines.TakeLast(40));

    protected SessionHarness Victim { get; }

    /// <summary>
    /// What a session under attack may offer. Postcopy is left out: a front end that does not serve the faults it asked for stops the threads that touch its
    /// memory, which is how userfaultfd works and no news.
    /// </summary>
    public static SessionOptions BaseOptions { get; } = new()
    {
        AllowedProtocolFeatures = SessionOptions.ImplementedProtocolFeatures & ~ProtocolFeatures.PAGEFAULT,
        SealPolicy = VhostUser.Memory.SealPolicy.Off,
    };

    public override void Dispose()
    {
        _innocentRings.Dispose();
        _innocentFrontend.Dispose();
        _innocentMemory.Dispose();
        _innocent.Dispose();
        Victim.Dispose();
    }

    protected override void Attack(Random random)
    {
        Victim.Log.Clear();
        Victim.Log.KeepDebug = true;
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
            throw new FuzzException($"the back end hangs: {e.Message}");
        }
    }

    /// <summary>Connects, does harm, disconnects and disposes of everything that it made.</summary>
    protected abstract void AttackSession(Random random);

    protected override void CheckAftermath()
    {
        if (!Victim.WaitForEnd(Patience))
        {
            throw new FuzzException($"the session did not end within {Patience.TotalSeconds} s after the front end hung up");
        }

        if ((Victim.Failure ?? Victim.Device.Failure) is { } failure)
        {
            throw new FuzzException($"an exception escaped: {failure}");
        }

        if (Victim.Device.StartedQueues != 0)
        {
            throw new FuzzException($"{Victim.Device.StartedQueues} queues still run on the device");
        }

        try
        {
            _innocentRings.Exchange(3);
        }
        catch (InvalidDataException e)
        {
            throw new FuzzException($"the other connection suffered: {e.Message}");
        }
    }
}
