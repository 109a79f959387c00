using System.Diagnostics;
using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;

namespace VhostNet.Micro;

/// <summary>One thread schedules on the loop of another as fast as it can, or at a pace: what a schedule costs, and how many of them needed a system call.</summary>
internal static class Flood
{
    public static Row Run(string name, double milliseconds, long paceNs, long pollMaxNs, int loopCpu, int senderCpu)
    {
        using var context = new AioContext();
        long calls = 0;
        BottomHalf bottomHalf = context.CreateBottomHalf(() => calls++, "flood");
        context.SetPollParameters(pollMaxNs, 0, 0);
        bool stop = false;
        var loop = new Thread(() =>
        {
            Cpu.Pin(loopCpu);
            context.BindToCurrentThread();
            while (!Volatile.Read(ref stop))
            {
                context.Poll(true);
            }
        });
        loop.Start();
        long schedules = 0;
        long ticks = 0;
        var sender = new Thread(() =>
        {
            Cpu.Pin(senderCpu);
            long start = Stopwatch.GetTimestamp();
            long end = start + (long)(milliseconds * Stopwatch.Frequency / 1000);
            long pace = (long)(paceNs * Stopwatch.Frequency / 1e9);
            long now;
            do
            {
                bottomHalf.Schedule();
                schedules++;
                now = Stopwatch.GetTimestamp();
                for (long until = now + pace; pace != 0 && now < until; now = Stopwatch.GetTimestamp())
                {
                    Thread.SpinWait(1);
                }
            }
            while (now < end);
            ticks = now - start;
        });
        sender.Start();
        sender.Join();
        long writes = context.GetStatistics().NotifierWrites;
        Volatile.Write(ref stop, true);
        context.Notify();
        loop.Join();
        return new Row(name, Meter.Nanoseconds(ticks) / schedules)
        {
            Note = $"{schedules} schedules, {calls} calls, {writes} writes: {100.0 * (schedules - writes) / schedules:F1} % avoided",
        };
    }

    /// <summary>The loop's own thread: no schedule needs a system call.</summary>
    public static Row OwnThread(int schedules)
    {
        using var context = new AioContext();
        long calls = 0;
        BottomHalf bottomHalf = context.CreateBottomHalf(() => calls++, "own");
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < schedules; i++)
        {
            bottomHalf.Schedule();
            context.Poll(true);
        }

        double ns = Meter.Nanoseconds(Stopwatch.GetTimestamp() - start) / schedules;
        long writes = context.GetStatistics().NotifierWrites;
        return new Row("own thread, schedule + Poll(true)", ns)
        {
            Note = $"{schedules} schedules, {calls} calls, {writes} writes: {100.0 * (schedules - writes) / schedules:F1} % avoided (QEMU 100 %)",
        };
    }
}
