using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.Monitors;
using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Networks.Switch;

namespace VhostNet.Fuzz.Networked;

/// <summary>
/// A session's whole life, over and over: connect, start, kick, stop, changes of memory and notifiers, close, on a control thread, while two data threads work on its rings, another guest sends to it without
/// end, and its own processor keeps its rings full. The memory of rings and bursts is fenced, and stays out of reach when it was freed: whoever uses it then ends this process, which is a finding of
/// whoever runs it (the seed of the case is in the progress file). A ring that is used after its end without touching memory counts that itself.
/// </summary>
internal sealed class LifecycleTarget : FuzzTarget
{
    // First of all, so that everything below is made inside the fence.
    private readonly FencedRingAllocator _fence = FencedRingAllocator.Install();
    private readonly Func<IVhostUserDevice, LoopGuest, IVhostUserDevice> _device;
    private readonly IoThread _control, _first, _second;
    private readonly LoopGuest _victim, _busy;
    private readonly AttackGuest[] _rings;
    private readonly SwitchNetwork _network = new("lan", new SwitchOptions());
    private readonly Racer _racer = new(), _sender = new();
    private readonly SessionLog _log = new();
    private readonly SessionOptions _options;
    private readonly List<Virtqueue> _made = [];
    private Exception? _failure;

    /// <param name="device">Stands between session and device; null for nothing.</param>
    public LifecycleTarget(Func<IVhostUserDevice, LoopGuest, IVhostUserDevice>? device = null)
    {
        _device = device ?? ((d, _) => d);
        _options = SessionTarget.BaseOptions with { Log = _log, CreateVirtqueue = Make };
        (_control, _first, _second) = (Make("control", PollPolicy.Interrupt), Make("first", PollPolicy.Adaptive), Make("second", PollPolicy.Interrupt));
        _victim = new LoopGuest("victim", _first);
        _busy = new LoopGuest("busy", _second);
        _rings = [new AttackGuest("", 256), new AttackGuest("", 4096)];
        _network.Attach(_victim.Port, new SwitchPortOptions());
        _network.Attach(_busy.Port, new SwitchPortOptions());
        _busy.StartFresh();
        for (int i = 0; i < _busy.Rings.Slots; i++)
        {
            _busy.Rings.Write(i, Packets.Broadcast());
        }

        _sender.Begin(() => KeepFull(_busy.Rings, 64));
    }

    public override string LogTail => string.Join("\n       ", _log.Lines.TakeLast(20));

    protected override int CountEvery => 32;

    public override void Dispose()
    {
        _sender.Dispose();
        _racer.Dispose();
        _network.Detach(_victim.Port);
        _network.Detach(_busy.Port);
        _victim.Dispose();
        _busy.Dispose();
        _network.Dispose();
        Array.ForEach(_rings, r => r.Dispose());
        Array.ForEach([_control, _first, _second], t => t.Dispose());
        _fence.Dispose();
    }

    protected override void Attack(Random random)
    {
        _log.Clear();
        _made.Clear();
        AttackGuest rings = _rings[random.OneIn(4) ? 1 : 0];
        rings.Reset();
        (FileDescriptor ours, FileDescriptor theirs) = SocketPair.Create();
        VhostUserSession session = OnControl(() => new VhostUserSession(
            _control.Context, theirs, _device(_victim.Port.Device, _victim), "victim", _options));
        _control.Run(session.Start);
        using var frontend = new VhostUserFrontend(ours, new FrontendOptions
        {
            Features = rings.Features,
            Timeout = Patience,
            AskForAcknowledgement = random.OneIn(2),
            UseMemorySlots = random.OneIn(2),
        });
        try
        {
            frontend.Negotiate();
            frontend.ShareMemory(rings.Memory);
            _racer.Begin(() => KeepFull(rings, 16));
            for (int steps = random.Next(2, 20); steps > 0; steps--)
            {
                Step(random, frontend, rings);
            }
        }
        catch (VhostUserFrontendException e) when (e.Error != FrontendError.TimedOut)
        {
            // Refused or hung up on.
        }
        catch (VhostUserFrontendException e)
        {
            throw new FuzzException($"the back end hangs: {e.Message}");
        }
        finally
        {
            // The rings are still kept full while the session ends, but for one of four.
            if (random.OneIn(4))
            {
                _racer.End();
            }

            frontend.Dispose();
            WaitForEnd(session);
            _racer.End();
        }
    }

    protected override void CheckAftermath()
    {
        if (Volatile.Read(ref _failure) is { } failure)
        {
            throw new FuzzException($"an exception escaped: {failure}");
        }

        if (_victim.Port.IsUp)
        {
            throw new FuzzException("the port is still up after its session ended");
        }

        if (_made.Find(q => !q.IsDisposed) is { } kept)
        {
            throw new FuzzException($"ring {kept.Index} outlives its session");
        }

        if (_made.Find(q => q.Counters.UsesAfterDispose != 0) is { } used)
        {
            throw new FuzzException($"ring {used.Index} was used {used.Counters.UsesAfterDispose} times after its end");
        }
    }

    private static void KeepFull(AttackGuest rings, int times)
    {
        for (int i = 0; i < times; i++)
        {
            AttackGuest.KeepFull(rings.Tx);
            AttackGuest.KeepFull(rings.Rx);
        }

        _ = write(rings.Tx.Kick.Value, 1UL);
    }

    private static void Step(Random random, VhostUserFrontend frontend, AttackGuest rings)
    {
        DriverQueue queue = random.OneIn(2) ? rings.Rx : rings.Tx;
        switch (random.Next(8))
        {
            case 0 or 1:
                frontend.StartQueue(queue, position: 0);
                break;
            case 2:
                _ = frontend.GetVringBase(queue.Index);
                break;
            case 3:
                frontend.SetMemTable(rings.Memory.Regions);
                break;
            case 4:
                frontend.SetVringEnable(queue.Index, random.OneIn(2));
                break;
            case 5:
                frontend.SetVringCall(queue.Index, random.OneIn(2) ? null : queue.Call);
                break;
            case 6:
                frontend.SetVringKick(queue.Index, random.OneIn(3) ? null : queue.Kick);
                break;
            default:
                frontend.SendMessage((uint)(random.OneIn(2) ? RequestCode.RESET_DEVICE : RequestCode.SET_VRING_ADDR), MessageHeader.Version, random.OneIn(2) ? [] : new byte[40]);
                break;
        }
    }

    private void WaitForEnd(VhostUserSession session)
    {
        using var ended = new ManualResetEventSlim();
        _control.Run(() =>
        {
            if (session.IsEnded)
            {
                ended.Set();
            }
            else
            {
                session.Ended += _ => ended.Set();
            }
        });
        long start = Stopwatch.GetTimestamp();
        if (!ended.Wait(Patience))
        {
            throw new FuzzException($"the session did not end within {Stopwatch.GetElapsedTime(start).TotalSeconds:f0} s after the front end hung up");
        }
    }

    private T OnControl<T>(Func<T> function)
    {
        T? result = default;
        _control.Run(() => result = function());
        return result!;
    }

    private Virtqueue Make(VirtqueueLayout layout, uint position)
    {
        Virtqueue queue = VirtqueueFactory.Create(layout, position);
        _made.Add(queue);
        return queue;
    }

    private IoThread Make(string name, PollPolicy policy)
    {
        var thread = new IoThread(new IoThreadOptions
        {
            Name = name,
            Policy = policy,
            Context = new AioContextOptions { Name = name, FdMonitor = FdMonitorKind.Epoll },
            UnhandledException = e => Interlocked.CompareExchange(ref _failure, e, null),
        });
        thread.Start();
        return thread;
    }
}
