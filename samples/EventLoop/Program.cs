using VhostNet.Aio;
using VhostNet.Aio.BottomHalves;
using VhostNet.Aio.Timers;

// A context belongs to the thread that made it: all callbacks below run here, one after the other, so none of them needs a lock.
using var loop = new AioContext(new AioContextOptions { Name = "main" });
loop.BindToCurrentThread();
SynchronizationContext.SetSynchronizationContext(loop.SynchronizationContext);
bool done = false;

// A bottom half: work for later, scheduled from any thread, and run once however often it was scheduled.
int runs = 0;
BottomHalf bottomHalf = loop.CreateBottomHalf(() => Console.WriteLine($"bottom half ran, {++runs} time"), "example");
bottomHalf.Schedule();
bottomHalf.Schedule();

// An event notifier: a flag that another thread or process sets; its handler clears it.
using var notifier = new EventNotifier();
loop.SetEventNotifier(notifier, () =>
{
    if (notifier.TestAndClear())
    {
        Console.WriteLine("notifier was set by another thread");
    }
});
new Thread(notifier.Set).Start();

// A timer, in nanoseconds of a clock.
AioTimer timer = loop.CreateTimer(AioClock.Monotonic, () => Console.WriteLine("timer fired"));
timer.Modify(AioClock.Monotonic.NowNs + 20_000_000);

// async: an await comes back to the loop by its SynchronizationContext, set above; SwitchTo changes the thread.
using var worker = new IoThread(new IoThreadOptions { Name = "worker" });
worker.Start();
loop.ScheduleOneShot(async void () =>
{
    int here = Environment.CurrentManagedThreadId;
    await Task.Delay(50);
    Console.WriteLine(Environment.CurrentManagedThreadId == here ? "await came back to the loop" : "await went astray");
    await worker.Context.SwitchTo();
    Console.WriteLine(Environment.CurrentManagedThreadId != here ? "now on the worker" : "still on the loop");
    await loop.SwitchTo();
    Console.WriteLine(Environment.CurrentManagedThreadId == here ? "and back" : "lost");
    done = true;
});

while (!done)
{
    loop.Poll(blocking: true);
}

loop.SetEventNotifier(notifier, null);
bottomHalf.Delete();
timer.Delete();
Console.WriteLine("done");
