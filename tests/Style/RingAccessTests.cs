using System.Text.RegularExpressions;

namespace VhostNet.Style;

/// <summary>
/// A ring is reached in one way only, the one that says that it is alive and locked (RingSlot): who keeps a reference of their own uses it after its end some day.
/// </summary>
public sealed partial class RingAccessTests
{
    /// <summary>Those that keep a ring: the slot, what it gives, what may be read without the lock, and the session, which ends it.</summary>
    private static readonly string[] s_keepers = ["RingSlot.cs", "LockedRing.cs", "RingView.cs", "RingState.cs"];

    private static readonly string[] s_lockers = ["RingSlot.cs", "LockedRing.cs"];

    [Fact]
    public void RingsAreKeptInSlots() => Repository.AssertNone(
        from file in Repository.Product
        where !s_keepers.Contains(file.Name)
        from Match match in KeptPattern().Matches(file.Code)
        select Describe(file, match),
        "A Virtqueue is a parameter or a local; what outlives a call is kept in a RingSlot.");

    [Fact]
    public void ARingsLockIsTakenByItsSlot() => Repository.AssertNone(
        from file in Repository.Product
        where file.IsIn("src/VhostUser") && !s_lockers.Contains(file.Name)
        from Match match in LockPattern().Matches(file.Code)
        select Describe(file, match),
        "RingSlot.TryLock, or Virtqueue.RunLocked on the control thread, instead of the lock itself.");

    [Fact]
    public void SlotsAreNeverCopied() => Repository.AssertNone(
        from file in Repository.Product
        from Match match in CopyPattern().Matches(file.Code)
        select Describe(file, match),
        "A RingSlot is a field that can be written: not read-only, which copies it at each use, and no property.");

    [Theory]
    [InlineData("    private Virtqueue? _queue;", true)]
    [InlineData("    public Virtqueue Queue { get; }", true)]
    [InlineData("    public Virtqueue? Queue => Volatile.Read(ref _queue);", true)]
    [InlineData("    private readonly Virtqueue?[] _queues;", true)]
    [InlineData("    private readonly List<Virtqueue> _queues = [];", true)]
    [InlineData("    private readonly Dictionary<int, Virtqueue> _queues = [];", true)]
    [InlineData("    public Action<Virtqueue>? Broken { get; set; }", false)]
    [InlineData("    internal Func<VirtqueueLayout, uint, Virtqueue>? CreateVirtqueue { get; init; }", false)]
    [InlineData("    private int RunLocked(Virtqueue queue)", false)]
    [InlineData("    public static Virtqueue Create(VirtqueueLayout layout, uint ringBase)", false)]
    [InlineData("        Virtqueue queue = ring.Queue;", false)]
    public void TheseAreKept(string line, bool kept) => Assert.Equal(kept, KeptPattern().IsMatch(line));

    private static string Describe(SourceFile file, Match match) =>
        $"{file.Path}:{file.Code.AsSpan(0, match.Index).Count('\n') + 1}: {match.Value.Trim()}";

    [GeneratedRegex(
        @"^[ \t]*(public|private|protected|internal)\b[\w \t]*[ \t]((Virtqueue\??(\?|\[\])*)|((List|HashSet|Queue|Stack|Dictionary|Concurrent\w+)<[^>;(]*\bVirtqueue\??>\??))[ \t]+\w+[ \t]*(;|=|\{|$)",
        RegexOptions.Multiline)]
    private static partial Regex KeptPattern();

    [GeneratedRegex(@"\bLock\.(Enter|TryEnter|TryEnterFor|Exit)\b")]
    private static partial Regex LockPattern();

    [GeneratedRegex(@"\breadonly RingSlot[ \t]+\w+[ \t]*;|\bRingSlot[ \t]+\w+[ \t]*(\{|=>)")]
    private static partial Regex CopyPattern();
}
