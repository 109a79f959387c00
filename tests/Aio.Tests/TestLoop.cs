using System.Runtime.ExceptionServices;
using VhostNet.Aio.Monitors;

namespace VhostNet.Aio.Tests;

/// <summary>A context with a way to drive it: by Poll, or by prepare, query, wait, check and dispatch.</summary>
public sealed class TestLoop : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly AioOuterLoop? _outer;
    private pollfd[] _fds = new pollfd[4];

    private TestLoop(FdMonitorKind kind, bool outer)
    {
        Kind = kind;
        Context = new AioContext(new AioContextOptions { Name = $"{kind}", FdMonitor = kind });
        _outer = outer ? Context.GetOuterLoop() : null;
    }

    public AioContext Context { get; }

    public FdMonitorKind Kind { get; }

    public bool IsOuter => _outer is not null;

    /// <summary>Every monitor, plain and through the outer loop.</summary>
    public static TheoryData<FdMonitorKind, bool> All()
    {
        TheoryData<FdMonitorKind, bool> data = [];
        foreach (FdMonitorKind kind in Enum.GetValues<FdMonitorKind>())
        {
            data.Add(kind, false);
            data.Add(kind, true);
        }

        return data;
    }

    /// <summary>Every monitor.</summary>
    public static TheoryData<FdMonitorKind> Monitors() => [.. Enum.GetValues<FdMonitorKind>()];

    /// <summary>Every monitor of descriptors.</summary>
    public static TheoryData<FdMonitorKind> FdMonitors() => [.. Enum.GetValues<FdMonitorKind>().Where(k => k != FdMonitorKind.WaitHandles)];

    /// <summary>Runs a test on a thread of its own, so that a loop that hangs fails instead.</summary>
    public static void Run(FdMonitorKind kind, bool outer, Action<TestLoop> body) => OnThread(() =>
    {
        using TestLoop loop = new(kind, outer);
        body(loop);
    });

    public static void OnThread(Action body, TimeSpan? limit = null)
    {
        ExceptionDispatchInfo? error = null;
        Thread thread = new(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "test loop" };
        thread.Start();
        Assert.True(thread.Join(limit ?? s_limit), "The loop hangs.");
        error?.Throw();
    }

    public EventNotifier CreateNotifier() => Kind == FdMonitorKind.WaitHandles ? EventNotifier.CreatePortable() : new EventNotifier();

    /// <summary>One pass.</summary>
    public bool Poll(bool blocking)
    {
        if (_outer is null)
        {
            return Context.Poll(blocking);
        }

        _outer.Prepare(out long timeout);
        int count = 0;
        if (Kind == FdMonitorKind.WaitHandles)
        {
            WaitHandle.WaitAny([.. _outer.QueryWaitHandles()], blocking ? ToMs(timeout) : 0);
        }
        else
        {
            while ((count = _outer.Query(_fds)) > _fds.Length)
            {
                _fds = new pollfd[count];
            }

            _ = ppoll(_fds.AsSpan(0, count), blocking ? timeout : 0);
        }

        return _outer.Check(_fds.AsSpan(0, count)) && _outer.Dispatch();
    }

    /// <summary>Passes until nothing is left to do.</summary>
    public void Drain()
    {
        while (Poll(false))
        {
        }
    }

    public void Dispose() => Context.Dispose();

    private static int ToMs(long ns) => ns < 0 ? -1 : (int)((ns + 999_999) / 1_000_000);
}
