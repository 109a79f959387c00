using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Monitors;
using VhostNet.Aio.Timers;

namespace VhostNet.Aio.Tests;

/// <summary>A real GLib main loop drives the context, as QEMU's main loop does (/aio-gsource).</summary>
public sealed unsafe partial class GlibTests
{
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void gsource_bh(FdMonitorKind kind) => Run(kind, static loop =>
    {
        int calls = 0;
        BottomHalf bh = null!;
        bh = loop.Context.CreateBottomHalf(
            () =>
            {
                if (++calls < 10)
                {
                    bh.Schedule();
                }
            },
            "bh");
        loop.Drain();
        bh.Schedule();
        Assert.Equal(0, calls);
        Assert.True(loop.Iterate(true));
        Assert.Equal(1, calls);
        while (calls < 10)
        {
            Assert.True(loop.Iterate(true));
        }

        loop.Drain();
        Assert.Equal(10, calls);

        bh.Schedule();
        bh.Cancel();
        loop.Drain();
        bh.Schedule();
        bh.Delete();
        loop.Drain();
        Assert.Equal(10, calls);
    });

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void gsource_event(FdMonitorKind kind) => Run(kind, static loop =>
    {
        int calls = 0;
        EventNotifier[] notifiers = [.. Enumerable.Range(0, 20).Select(_ => new EventNotifier())];
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, () => calls += notifier.TestAndClear() ? 1 : 0);
        }

        loop.Drain();
        for (int i = 0; i < notifiers.Length; i++)
        {
            notifiers[i].Set();
            while (calls == i)
            {
                loop.Iterate(true);
            }
        }

        loop.Drain();
        Assert.Equal(notifiers.Length, calls);
        foreach (EventNotifier notifier in notifiers)
        {
            loop.Context.SetEventNotifier(notifier, null);
            notifier.Dispose();
        }

        loop.Drain();
    });

    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void gsource_timer(FdMonitorKind kind) => Run(kind, static loop =>
    {
        int calls = 0;
        AioTimer timer = null!;
        long deadline = 0;
        void Arm()
        {
            deadline = AioClock.Realtime.NowNs + 20_000_000;
            timer.Modify(deadline);
        }

        timer = loop.Context.CreateTimer(AioClock.Realtime, () =>
        {
            Assert.True(AioClock.Realtime.NowNs >= deadline);
            if (++calls < 2)
            {
                Arm();
            }
        });
        Arm();
        while (calls < 2)
        {
            loop.Iterate(true);
        }

        loop.Drain();
        Assert.Equal(2, calls);
    });

    /// <summary>Other threads wake GLib's poll.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void gsource_wake_up(FdMonitorKind kind) => Run(kind, static loop =>
    {
        const int rounds = 500;
        int calls = 0;
        using AutoResetEvent pong = new(false);
        BottomHalf bh = loop.Context.CreateBottomHalf(
            () =>
            {
                calls++;
                pong.Set();
            },
            "ping");
        bool lost = false;
        Thread other = new(() =>
        {
            for (int i = 0; i < rounds && !lost; i++)
            {
                bh.Schedule();
                lost = !pong.WaitOne(TimeSpan.FromSeconds(10));
            }

            loop.Context.ScheduleOneShot(() => calls = rounds);
        });
        other.Start();
        while (calls < rounds)
        {
            loop.Iterate(true);
        }

        other.Join();
        Assert.False(lost);
    });

    /// <summary>Nested: a callback that runs inside GLib's dispatch polls the context.</summary>
    [Theory]
    [MemberData(nameof(TestLoop.FdMonitors), MemberType = typeof(TestLoop))]
    public void gsource_nested_poll(FdMonitorKind kind) => Run(kind, static loop =>
    {
        bool inner = false;
        bool outer = false;
        loop.Context.ScheduleOneShot(() =>
        {
            loop.Context.ScheduleOneShot(() => inner = true);
            while (!inner)
            {
                loop.Context.Poll(true);
            }

            outer = true;
        });
        while (!outer)
        {
            loop.Iterate(true);
        }

        loop.Drain();
    });

    private static void Run(FdMonitorKind kind, Action<GlibLoop> body)
    {
        Assert.True(NativeLibrary.TryLoad("libglib-2.0.so.0", out _), "libglib-2.0 is not installed; eng/install.sh has its package.");
        TestLoop.OnThread(() =>
        {
            using GlibLoop loop = new(kind);
            body(loop);
        });
    }

    private sealed class GlibLoop : IDisposable
    {
        private readonly AioOuterLoop _outer;
        private readonly GSourceFuncs* _functions;
        private readonly GPollFD* _glibFds;
        private readonly GSource* _source;
        private readonly nint _main;
        private readonly GCHandle _self;
        private readonly pollfd[] _fds = new pollfd[128];
        private int _count;

        public GlibLoop(FdMonitorKind kind)
        {
            Context = new AioContext(new AioContextOptions { Name = "glib", FdMonitor = kind });
            _outer = Context.GetOuterLoop();
            _self = GCHandle.Alloc(this);
            _functions = (GSourceFuncs*)NativeMemory.AllocZeroed((nuint)sizeof(GSourceFuncs));
            _functions->prepare = &Prepare;
            _functions->check = &Check;
            _functions->dispatch = &Dispatch;
            _glibFds = (GPollFD*)NativeMemory.AllocZeroed((nuint)(sizeof(GPollFD) * _fds.Length));
            _main = g_main_context_new();
            _source = (GSource*)g_source_new(_functions, (uint)sizeof(GSource));
            _source->Self = GCHandle.ToIntPtr(_self);
            g_source_set_can_recurse(_source, 1);
            _ = g_source_attach(_source, _main);
        }

        public AioContext Context { get; }

        public bool Iterate(bool mayBlock) => g_main_context_iteration(_main, mayBlock ? 1 : 0) != 0;

        public void Drain()
        {
            while (Iterate(false))
            {
            }
        }

        public void Dispose()
        {
            g_source_destroy(_source);
            g_source_unref(_source);
            g_main_context_unref(_main);
            NativeMemory.Free(_functions);
            NativeMemory.Free(_glibFds);
            _self.Free();
            Context.Dispose();
        }

        private static GlibLoop Of(GSource* source) => (GlibLoop)GCHandle.FromIntPtr(source->Self).Target!;

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int Prepare(GSource* source, int* timeoutMs)
        {
            GlibLoop loop = Of(source);
            bool ready = loop._outer.Prepare(out long timeout);
            *timeoutMs = timeout < 0 ? -1 : (int)Math.Min(int.MaxValue, (timeout + 999_999) / 1_000_000);
            loop.ExchangePollFds();
            return ready ? 1 : 0;
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int Check(GSource* source)
        {
            GlibLoop loop = Of(source);
            for (int i = 0; i < loop._count; i++)
            {
                loop._fds[i].revents = (short)loop._glibFds[i].revents;
            }

            return loop._outer.Check(loop._fds.AsSpan(0, loop._count)) ? 1 : 0;
        }

        [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
        private static int Dispatch(GSource* source, nint callback, nint data)
        {
            Of(source)._outer.Dispatch();
            return 1;
        }

        private void ExchangePollFds()
        {
            for (int i = 0; i < _count; i++)
            {
                g_source_remove_poll(_source, &_glibFds[i]);
            }

            _count = _outer.Query(_fds);
            for (int i = 0; i < _count; i++)
            {
                _glibFds[i] = new GPollFD { fd = _fds[i].fd, events = (ushort)_fds[i].events };
                g_source_add_poll(_source, &_glibFds[i]);
            }
        }
    }

    private struct GPollFD
    {
        public int fd;
        public ushort events;
        public ushort revents;
    }

    /// <summary>Six pointers, of which the last three stay null.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 48)]
    private struct GSourceFuncs
    {
        public delegate* unmanaged[Cdecl]<GSource*, int*, int> prepare;
        public delegate* unmanaged[Cdecl]<GSource*, int> check;
        public delegate* unmanaged[Cdecl]<GSource*, nint, nint, int> dispatch;
    }

    /// <summary>GLib's own part is 96 bytes on 64-bit machines; ours follows.</summary>
    [StructLayout(LayoutKind.Explicit, Size = 104)]
    private struct GSource
    {
        [FieldOffset(96)]
        public nint Self;
    }

    [LibraryImport("libglib-2.0.so.0")]
    private static partial nint g_main_context_new();

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_main_context_unref(nint context);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial int g_main_context_iteration(nint context, int mayBlock);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void* g_source_new(GSourceFuncs* functions, uint size);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial uint g_source_attach(GSource* source, nint context);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_source_destroy(GSource* source);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_source_unref(GSource* source);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_source_add_poll(GSource* source, GPollFD* fd);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_source_remove_poll(GSource* source, GPollFD* fd);

    [LibraryImport("libglib-2.0.so.0")]
    private static partial void g_source_set_can_recurse(GSource* source, int canRecurse);
}
