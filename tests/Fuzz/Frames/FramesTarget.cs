using VhostNet.Aio;
using VhostNet.Aio.Monitors;

namespace VhostNet.Fuzz.Frames;

/// <summary>
/// Attacks a network of virtio network cards with frames: virtio_net_hdr, checksums, segments, tags and chains that contradict each other, in half of the cases changed
/// while they are worked on. Innocent guests on the same network must get only what they were promised, and must still reach each other afterwards.
/// </summary>
internal sealed class FramesTarget : FuzzTarget
{
    /// <summary>Scenes that were left as they were: no finalizer may give back what they hold while another target counts.</summary>
    private static readonly List<FrameScene> s_kept = [];

    private readonly FrameFaults _faults;
    private readonly TimeSpan _patience;
    private readonly IoThread[] _threads;
    private readonly FrameScribbler _scribbler = new();
    private readonly Loop? _loop;
    private readonly FrameMemories _memories = new();
    private Exception? _failure;
    private FrameScene? _abandoned;

    /// <param name="faults">What is wrong with the devices; null for nothing.</param>
    /// <param name="patience">How long frames may take to come back, where they have threads of their own.</param>
    /// <param name="live">Attacker and innocents on threads of their own; otherwise all is on one, and a seed repeats exactly unless its frames are rewritten.</param>
    public FramesTarget(FrameFaults? faults = null, TimeSpan? patience = null, bool live = false)
    {
        _faults = faults ?? FrameFaults.None;
        _patience = patience ?? Patience;
        _memories.Prepare();
        if (!live)
        {
            _loop = new Loop();
            _threads = [_loop.Thread];
            return;
        }

        _threads = [.. new[] { "attacked", "innocent" }.Select(name => new IoThread(new IoThreadOptions
        {
            Name = name,

            // Not the automatic choice, whose change from poll to epoll would look like a lost descriptor.
            Context = new AioContextOptions { Name = name, FdMonitor = FdMonitorKind.Epoll },
            UnhandledException = e => Interlocked.CompareExchange(ref _failure, e, null),
        }))];
        Array.ForEach(_threads, t => t.Start());
    }

    protected override int CountEvery => _loop is null || IsVerbose ? 1 : 64;

    public override void Within(Action action)
    {
        if (_loop is null)
        {
            action();
        }
        else
        {
            _loop.Run(action);
        }
    }

    public override void Dispose()
    {
        _scribbler.Dispose();

        if (_abandoned is null)
        {
            _memories.Dispose();
            Array.ForEach(_threads, t => t.Dispose());
        }
    }

    protected override void Attack(Random random)
    {
        var scene = new FrameScene(random, _threads, _memories, _faults, _patience, _loop);
        _abandoned = scene;
        s_kept.Add(scene);
        try
        {
            Attack(random, scene);
        }
        catch (FuzzException e) when (Volatile.Read(ref _failure) is { } failure)
        {
            throw new FuzzException($"an exception escaped: {failure}\n  after which {e.Message}");
        }

        // After a finding a ring may be locked for good, and whoever waits for it never says what was found: all is left as it is then.
        scene.Dispose();
        s_kept.Remove(scene);
        _abandoned = null;
    }

    protected override void CheckAftermath()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new FuzzException($"an exception escaped: {failure}");
        }
    }

    private void Attack(Random random, FrameScene scene)
    {
        bool races = random.OneIn(2);
        bool segments = random.OneIn(2);
        var generator = new FrameGenerator(random, scene.Register, scene.Attacker, segments, mayVerify: !races);
        if (random.OneIn(2))
        {
            Announce(scene, random);
        }

        for (int rounds = random.Next(1, 6); rounds > 0; rounds--)
        {
            SendRound(random, scene, generator, races);
        }

        CheckMemory(scene);
        FrameAccounts.Check(scene, exact: !races && !segments);
        FrameRecovery.Run(scene, random);
        CheckMemory(scene);
        FrameAccounts.Check(scene, exact: !races && !segments);
    }

    /// <summary>The innocent say where they are, so that a switch knows it before the attack.</summary>
    private static void Announce(FrameScene scene, Random random)
    {
        for (int i = 0; i < scene.Innocents.Length; i++)
        {
            FrameRecovery.Send(scene, random, i, FrameAddresses.Everybody);
        }

        scene.Settle();
    }

    private void SendRound(Random random, FrameScene scene, FrameGenerator generator, bool races)
    {
        FrameSender sender = scene.Attacker.Sender;
        int count = random.Pick(1, 3, 20, 200);
        while (count-- > 0 && sender.TryOffer(generator.Next()))
        {
        }

        if (races)
        {
            _scribbler.Start(scene.Attacker.Memory, sender.Chains, random.Next());
        }

        try
        {
            sender.Publish();
            scene.Settle();
        }
        finally
        {
            _scribbler.Stop();
        }

        if (races)
        {
            AcceptScribbles(scene);
        }

        sender.TakeBack();
    }

    /// <summary>What the scribbler may have written is not held against the device; the gaps between frames still are.</summary>
    private static void AcceptScribbles(FrameScene scene)
    {
        foreach (VhostUser.Frontend.GuestBuffer piece in scene.Attacker.Sender.Chains.SelectMany(c => c))
        {
            if (FrameScribbler.MayWrite(scene.Attacker.Memory, piece))
            {
                scene.Attacker.Outbox.Accept(piece.Address, (int)piece.Length);
            }
        }
    }

    private static void CheckMemory(FrameScene scene)
    {
        foreach (FrameGuest guest in scene.Guests)
        {
            guest.Receiver.CheckWhole();
            guest.Inbox.Check();
            guest.Outbox.Check();
        }
    }
}
