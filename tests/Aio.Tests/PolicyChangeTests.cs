namespace VhostNet.Aio.Tests;

/// <summary>How a thread waits is changed while it works.</summary>
public sealed class PolicyChangeTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    [Fact]
    public void EveryPolicyFollowsEveryOther()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "t0", Policy = PollPolicy.Interrupt });
        using EventNotifier notifier = new();
        using SemaphoreSlim fired = new(0);
        bool polling = false, visible = false;
        int begun = 0, changes = 0;
        void Take()
        {
            if (notifier.TestAndClear() | Interlocked.Exchange(ref visible, false))
            {
                fired.Release();
            }
        }

        bool IsPolling()
        {
            bool result = false;
            thread.Run(() => result = polling);
            return result;
        }

        thread.Context.SetEventNotifier(notifier, Take, () => Volatile.Read(ref visible), Take);
        thread.Context.SetEventNotifierPollCallbacks(notifier, () => { polling = true; begun++; }, () => polling = false);
        thread.PolicyChanged += () => changes++;
        thread.Start();
        PollPolicy[] order = [PollPolicy.Busy, PollPolicy.Interrupt, PollPolicy.Adaptive, PollPolicy.Busy, PollPolicy.Adaptive, PollPolicy.Interrupt, PollPolicy.Busy, PollPolicy.Busy];
        foreach (PollPolicy policy in order)
        {
            thread.SetPolicy(policy, 50_000);
            Assert.Equal((policy, 50_000L), (thread.Policy, thread.PollMaxNs));

            // What only a poll would see is seen while there is polling; a notification is seen always.
            if (policy == PollPolicy.Busy)
            {
                Volatile.Write(ref visible, true);
                Assert.True(fired.Wait(s_timeout, TestContext.Current.CancellationToken), $"polling did not begin with {policy}");
            }

            notifier.Set();
            Assert.True(fired.Wait(s_timeout, TestContext.Current.CancellationToken), $"a notification was lost with {policy}");
            Assert.True(policy != PollPolicy.Interrupt || SpinWait.SpinUntil(() => !IsPolling(), s_timeout), "polling did not end");
        }

        Assert.Equal(order.Length, changes);
        Assert.True(begun >= 3);
    }

    [Fact]
    public void AThreadThatStopsPollingSleeps()
    {
        using IoThread thread = new(new IoThreadOptions { Name = "t0", Policy = PollPolicy.Busy });
        thread.Start();
        thread.SetPolicy(PollPolicy.Interrupt, 0);

        // One that polls makes some hundred rounds in the time of a call from outside.
        Assert.True(SpinWait.SpinUntil(() => RoundsIn(thread, calls: 100) <= 400, s_timeout), "the thread does not sleep");
        Assert.Throws<ArgumentOutOfRangeException>(() => thread.SetPolicy(PollPolicy.Adaptive, -1));
    }

    private static long RoundsIn(IoThread thread, int calls)
    {
        long before = thread.GetStatistics().Polls;
        for (int i = 0; i < calls; i++)
        {
            thread.Run(static () => { });
        }

        return thread.GetStatistics().Polls - before;
    }
}
