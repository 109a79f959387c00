using VhostNet.Aio.Faults;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>The same for what is polled in user space, and for threads.</summary>
[Collection(nameof(Alone))]
public sealed class FaultPollingTests
{
    public static TheoryData<FdMonitorKind, string> Callbacks()
    {
        TheoryData<FdMonitorKind, string> data = [];
        foreach (FdMonitorKind kind in TestLoop.FdMonitors().Select(static k => k.Data))
        {
            foreach (string callback in new[] { "poll", "ready", "begin", "end" })
            {
                data.Add(kind, callback);
            }
        }

        return data;
    }

    /// <summary>One of a's callbacks throws each time, in front of b's handler, which gets its work nevertheless; when a's handler is removed too.</summary>
    [Theory]
    [MemberData(nameof(Callbacks))]
    public void Adaptive(FdMonitorKind kind, string callback) => TestLoop.Run(kind, false, loop =>
    {
        FaultOwner a = new("a");
        Polled first = new(loop.Context, a, callback);
        Polled second = new(loop.Context, null, "none");
        loop.Context.SetPollParameters(1_000_000_000, 0, 0);
        first.Activate(loop);
        second.Activate(loop);
        for (int i = 0; i < 10_000 && (a.Faults.Count == 0 || second.Ready == 0); i++)
        {
            first.Work = callback == "ready" ? 1 : 0;
            Thread other = new(() =>
            {
                Thread.Yield();
                second.Work = 1;
                second.Notifier.Set();
            });
            other.Start();
            loop.Poll(true);
            other.Join();
            if (callback == "end" && first.HasBegun && second.Ready > 0)
            {
                // Leaves poll mode.
                loop.Context.SetPollParameters(0, 0, 0);
                second.Notifier.Set();
                loop.Poll(true);
                loop.Context.SetPollParameters(1_000_000_000, 0, 0);
            }
        }

        Assert.NotEmpty(a.Faults);
        Assert.True(second.Ready > 0);
        Assert.Equal($"{Name(callback)} of descriptor {first.Notifier.Fd}: {callback}", a.Faults[0]);
        first.Remove(loop.Context);
        second.Remove(loop.Context);
        Assert.Null(FaultScope.Current);
    });

    [Theory]
    [MemberData(nameof(Callbacks))]
    public void Busy(FdMonitorKind kind, string callback)
    {
        FaultOwner a = new("a");
        Exception? unhandled = null;
        using IoThread thread = new(new IoThreadOptions
        {
            Name = "busy",
            Policy = PollPolicy.Busy,
            Context = new AioContextOptions { FdMonitor = kind },
            UnhandledException = e => unhandled = e,
        });
        Polled first = new(thread.Context, a, callback) { Work = 1 };
        Polled second = new(thread.Context, null, "none");
        thread.Start();
        for (int i = 0; i < 5; i++)
        {
            int before = second.Ready;
            second.Work = 1;
            Assert.True(SpinWait.SpinUntil(() => second.Ready > before, TimeSpan.FromSeconds(10)));
            first.Work = 1;
        }

        thread.Run(() =>
        {
            first.Remove(thread.Context);
            second.Remove(thread.Context);
        });
        Assert.NotEmpty(a.Faults);
        Assert.Equal($"{Name(callback)} of descriptor {first.Fd}: {callback}", a.Faults[0]);
        Assert.Null(unhandled);
    }

    [Theory]
    [InlineData(PollPolicy.Interrupt)]
    [InlineData(PollPolicy.Adaptive)]
    [InlineData(PollPolicy.Busy)]
    public void AThreadGoesOnAndItsOwnExceptionsAreItsCallers(PollPolicy policy)
    {
        FaultOwner a = new("a");
        using CountdownEvent faults = new(3);
        a.OnFault = () => faults.Signal();
        Exception? unhandled = null;
        using EventNotifier notifier = new();
        using IoThread thread = new(new IoThreadOptions { Name = "owned", Policy = policy, UnhandledException = e => unhandled = e });
        thread.Start();
        IFaultOwner? inside = null;
        using (FaultScope.Enter(a))
        {
            thread.Context.ScheduleOneShot(static () => FaultTests.Throw("bh"));
            thread.Context.CreateTimer(AioClock.Monotonic, static () => FaultTests.Throw("timer")).Modify(1);
            thread.Context.SetEventNotifier(notifier, () =>
            {
                notifier.TestAndClear();
                FaultTests.Throw("read");
            });
            notifier.Set();
            Assert.Throws<FormatException>(() => thread.Run(() =>
            {
                inside = FaultScope.Current;
                FaultTests.Throw("run");
            }));
        }

        Assert.True(faults.Wait(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken));
        Assert.Same(a, inside);
        Assert.Equal(3, thread.GetStatistics().Faults);
        Assert.DoesNotContain(a.Faults, static f => f.Contains("run", StringComparison.Ordinal));
        thread.Run(() => thread.Context.SetEventNotifier(notifier, null));
        Assert.Null(unhandled);
    }

    private static string Name(string callback) => callback switch
    {
        "poll" => "poll callback",
        "ready" => "handler",
        _ => $"poll {callback} callback",
    };

    /// <summary>A polled handler, one of whose callbacks throws.</summary>
    private sealed class Polled
    {
        private readonly string _callback;
        private int _work;
        private int _ready;
        private int _read;

        public Polled(AioContext context, IFaultOwner? owner, string callback)
        {
            _callback = callback;
            Fd = Notifier.Fd;
            using FaultScope scope = FaultScope.Enter(owner);
            context.SetEventNotifier(Notifier, OnRead, Poll, OnReady);
            context.SetEventNotifierPollCallbacks(Notifier, () => Step("begin"), () => Step("end"));
        }

        public EventNotifier Notifier { get; } = new();

        public int Fd { get; }

        public int Work
        {
            set => Volatile.Write(ref _work, value);
        }

        public bool HasBegun { get; private set; }

        public int Ready => Volatile.Read(ref _ready);

        /// <summary>The first event comes through the descriptor; from then on the handler is polled.</summary>
        public void Activate(TestLoop loop)
        {
            Notifier.Set();
            while (_read == 0)
            {
                loop.Poll(true);
            }
        }

        public void Remove(AioContext context)
        {
            context.SetEventNotifier(Notifier, null);
            Notifier.Dispose();
        }

        private void Step(string name)
        {
            HasBegun |= name == "begin";
            if (name == _callback)
            {
                FaultTests.Throw(name);
            }
        }

        private bool Poll()
        {
            Step("poll");
            return Volatile.Read(ref _work) != 0;
        }

        private void OnRead()
        {
            Notifier.TestAndClear();
            _read++;
        }

        private void OnReady()
        {
            Interlocked.Exchange(ref _work, 0);
            Notifier.TestAndClear();
            _ready++;
            Step("ready");
        }
    }
}
