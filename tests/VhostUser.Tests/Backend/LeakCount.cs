using VhostNet.VhostUser.Backend.Messages;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>
/// What the process has open, counted without the help of finalizers: what somebody forgot to dispose of is either open still, or a collection gave it back, which
/// <see cref="ForgottenHandles"/> counts.
/// </summary>
internal sealed class LeakCount
{
    /// <summary>The runtime maps memory of its own as it runs; what a leaking session leaves would be a thousand times as much after a thousand of them.</summary>
    private const int MappingSlack = 100;

    private readonly int _descriptors;
    private readonly int _mappings;
    private readonly long _forgotten;

    private LeakCount()
    {
        Collect();
        (_descriptors, _mappings) = Count();
        _forgotten = ForgottenHandles.Count;
    }

    /// <summary>Counts from here on, after what tests before this one have left is gone.</summary>
    public static LeakCount Start() => new();

    /// <summary>Nothing is open that was not before, and nothing was given back by a finalizer in the meantime, or is now.</summary>
    public void AssertNothingWasLeft()
    {
        DrainProbe();
        (int descriptors, int mappings) = Count();
        Assert.InRange(descriptors, 0, _descriptors);
        Assert.InRange(mappings - _mappings, int.MinValue, MappingSlack);
        Collect();
        Assert.Equal(0, ForgottenHandles.Count - _forgotten);
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        DrainProbe();
    }

    /// <summary>The probe's thread has /proc/PID/maps open while it reads it.</summary>
    private static void DrainProbe() => Assert.True(SharingWatch.Probe.Drain(TimeSpan.FromSeconds(30)));

    private static (int Descriptors, int Mappings) Count() =>
        (Directory.GetFileSystemEntries("/proc/self/fd").Length, File.ReadAllLines("/proc/self/maps").Length);
}
