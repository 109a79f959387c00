using System.Diagnostics;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>Runs one attack against a daemon of its own, watches what the others have of it, and judges.</summary>
internal sealed class AttackRunner : IDisposable
{
    private static readonly TimeSpan s_attackedWindow = TimeSpan.FromMilliseconds(200), s_calmWindow = TimeSpan.FromMilliseconds(100);

    /// <summary>How long what an attack left behind may take to go away.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly AttackRow _row;
    private readonly AttackLimits _limits;
    private readonly string _daemon;
    private readonly RateWindows _windows = new();
    private readonly List<string> _findings = [];
    private readonly ManualResetEventSlim _gate = new(false);
    private volatile bool _ends;
    private long _rounds;

    public AttackRunner(AttackRow row, AttackLimits limits, string daemon)
    {
        _row = row;
        _limits = limits;
        _daemon = daemon;
    }

    public void Dispose() => _gate.Dispose();

    /// <summary>Runs the attack; true when everything held. Prints one line, and what was found.</summary>
    public async Task<bool> RunAsync()
    {
        using var directory = new TestDirectory();
        using Attack attack = _row.Create();
        await using AttackScene? scene = await AttackScene.StartAsync(attack, directory, _daemon);
        if (scene is null)
        {
            Console.WriteLine($"{_row.Name} ({_row.Trigger}): held, the daemon does not take the configuration");
            return true;
        }

        string figures = await RunAsync(attack, scene);
        bool held = _findings.Count == 0;
        Console.WriteLine($"{_row.Name} ({_row.Trigger}): {(held ? "held" : "FOUND")}; {figures}");
        _findings.ForEach(f => Console.WriteLine($"  {f}"));
        if (!held)
        {
            Console.WriteLine($"  log: {string.Join("\n       ", scene.LogTail.Split('\n').TakeLast(6))}");
        }

        return held;
    }

    private async Task<string> RunAsync(Attack attack, AttackScene scene)
    {
        scene.Innocents.Start();
        scene.Control.Start();
        for (int i = 0; i < RateWindows.BeforeCount; i++)
        {
            await MeasureAsync(scene, attacked: false, s_calmWindow);
        }

        int descriptorsBefore = scene.Vitals.Descriptors;
        long bytesBefore = scene.Vitals.PrivateBytes;
        var attacker = new Thread(() => Attack(attack, scene)) { Name = "attacker", IsBackground = true };
        attacker.Start();

        // What the first rounds make and keep (code, pools, heaps) is no growth; what every further round adds is.
        await AlternateAsync(scene, _limits.Time / 5, attacker);
        int descriptors = scene.Vitals.Descriptors;
        long bytes = scene.Vitals.PrivateBytes;
        _ = scene.Innocents.TakeLongestGap();
        await AlternateAsync(scene, _limits.Time * 4 / 5, attacker);
        double gap = scene.Innocents.TakeLongestGap();
        StopAttacker(attacker);
        if (!scene.Process.Exited.IsCompleted)
        {
            CheckInnocents(scene);
            CheckControl(scene);
            await CheckGrowthAsync(scene, Math.Max(descriptors, descriptorsBefore + attack.DescriptorQuota), Math.Max(bytes, bytesBefore + attack.ByteQuota));
        }

        int last = scene.Vitals.Descriptors;
        long lastBytes = scene.Vitals.PrivateBytes;
        await EndAsync(attack, scene);

        double[] waits = [.. scene.Control.Milliseconds.Order()];
        return $"{_rounds} rounds; innocents {_windows.Calm:f0} -> {_windows.Attacked:f0} frames/s ({_windows.MedianShare:p0}, in total {_windows.TotalShare:p0}), "
            + $"longest gap {gap:f0} ms; control {(waits.Length == 0 ? 0 : waits[waits.Length / 2]):f0} ms, at most {(waits.Length == 0 ? 0 : waits[^1]):f0}; "
            + $"descriptors {descriptors} -> {last}, private memory {bytes >> 20} -> {lastBytes >> 20} MiB";
    }

    /// <summary>Windows with and without the attack in turn, until the time is over or there is nothing left to measure.</summary>
    private async Task AlternateAsync(AttackScene scene, TimeSpan time, Thread attacker)
    {
        long start = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(start) < time && attacker.IsAlive && !scene.Process.Exited.IsCompleted)
        {
            _gate.Set();
            await MeasureAsync(scene, attacked: true, s_attackedWindow);
            _gate.Reset();
            await MeasureAsync(scene, attacked: false, s_calmWindow);
        }
    }

    private async Task MeasureAsync(AttackScene scene, bool attacked, TimeSpan window)
    {
        long start = Stopwatch.GetTimestamp(), before = scene.Innocents.Received;
        _ = await Task.WhenAny(scene.Process.Exited, Elapse(window));
        _windows.Add(attacked, Stopwatch.GetElapsedTime(start).TotalSeconds, scene.Innocents.Received - before);
    }

    private static Task Elapse(TimeSpan time)
    {
        var source = new TaskCompletionSource();
        var timer = new Timer(_ => source.TrySetResult(), null, time, Timeout.InfiniteTimeSpan);
        return source.Task.ContinueWith(_ => timer.Dispose(), TaskScheduler.Default);
    }

    private void Attack(Attack attack, AttackScene scene)
    {
        try
        {
            attack.Begin(scene);
            while (!_ends && _rounds < _limits.Rounds)
            {
                _gate.Wait();
                if (!_ends)
                {
                    Round(attack, scene);
                    _rounds++;
                }
            }
        }
        catch (FuzzException e)
        {
            Find(e.Message);
        }
        catch (Exception e) when (scene.Process.Exited.IsCompleted || e is VhostUserFrontendException or HttpRequestException or TaskCanceledException)
        {
            // The daemon's end is a finding of its own, and so is a control thread that does not answer.
            if (!scene.Process.Exited.IsCompleted)
            {
                Find($"the attacker got no answer: {e.Message}");
            }
        }
    }

    private static void Round(Attack attack, AttackScene scene)
    {
        try
        {
            attack.Round(scene);
        }
        catch (VhostUserFrontendException e) when (e.Error != FrontendError.TimedOut)
        {
            // Refused, hung up on, or not served yet because the last session's end is under way.
            _ = poll([], 1);
        }
    }

    private void StopAttacker(Thread attacker)
    {
        _ends = true;
        _gate.Set();
        if (!attacker.Join(s_patience))
        {
            Find($"the attacker's last round did not end within {s_patience.TotalSeconds} s");
        }
    }

    private async Task EndAsync(Attack attack, AttackScene scene)
    {
        if (!scene.Process.Exited.IsCompleted)
        {
            try
            {
                attack.End(scene);
            }
            catch (FuzzException e)
            {
                Find(e.Message);
            }
        }

        if (scene.Process.Exited.IsCompleted && !scene.EndsByItself)
        {
            Find($"the daemon ended with status {await scene.Process.Exited} after {_rounds} rounds");
        }
    }

    private void CheckInnocents(AttackScene scene)
    {
        if (_windows.MedianShare < _row.Share || _windows.TotalShare < _row.Share)
        {
            Find($"the innocent pair kept {_windows.MedianShare:p0} of its rate, in total {_windows.TotalShare:p0}; {_row.Share:p0} is promised");
        }

        long missing = scene.Innocents.Drain(s_patience);
        if (scene.Innocents.Finding is { } finding)
        {
            Find(finding);
        }
        else if (missing != 0)
        {
            Find($"{missing} frames of the innocent pair never came");
        }
    }

    /// <summary>A request that waits for its turn on a busy machine is no finding, if few do and none for long.</summary>
    private void CheckControl(AttackScene scene)
    {
        scene.Control.Stop();
        double[] waits = scene.Control.Milliseconds;
        int late = waits.Count(w => w > AttackLimits.ControlMilliseconds);
        if (late > Math.Max(1, waits.Length / 100) || waits.Any(w => w > AttackLimits.ControlMillisecondsMost))
        {
            Find($"{late} of {waits.Length} control requests took more than {AttackLimits.ControlMilliseconds} ms, the longest {waits.Max():f0}");
        }

        if (scene.Control.Failures is [var first, ..] failures)
        {
            Find($"{failures.Length} control requests failed, the first: {first}");
        }
    }

    private async Task CheckGrowthAsync(AttackScene scene, int descriptors, long bytes)
    {
        long start = Stopwatch.GetTimestamp();
        while (scene.Vitals.Descriptors > descriptors + AttackLimits.DescriptorsMore && Stopwatch.GetElapsedTime(start) < s_patience)
        {
            await Elapse(TimeSpan.FromMilliseconds(50));
        }

        if (scene.Vitals.Descriptors > descriptors + AttackLimits.DescriptorsMore)
        {
            Find($"descriptors grew beyond {descriptors} to {scene.Vitals.Descriptors}");
        }

        if (scene.Vitals.PrivateBytes > bytes + AttackLimits.BytesMore)
        {
            Find($"private memory grew beyond {bytes >> 20} to {scene.Vitals.PrivateBytes >> 20} MiB");
        }
    }

    private void Find(string finding) => _findings.Add(finding);
}
