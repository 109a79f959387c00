using System.Reflection;
using System.Runtime.InteropServices;

namespace VhostNet.Abi.Tests;

/// <summary>Tmds.LibC is the base: what it has is not said again, but for what has a reason.</summary>
public sealed class TmdsTests
{
    private const BindingFlags All = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Static;

    /// <summary>poll(2) and ppoll(2) are imported there without SetLastError, so that another call may have changed errno before it is looked at.</summary>
    [Fact]
    public void OnlyFunctionsThatItLacksAreImportedHere()
    {
        IEnumerable<string> twice = typeof(LibC.LibC).GetMethods(All)
            .Where(static m => m.GetCustomAttribute<LibraryImportAttribute>() is not null || m.GetCustomAttribute<DllImportAttribute>() is not null)
            .Select(static m => m.Name)
            .Where(TmdsNumbers.Functions.Contains);
        Assert.Equal(["poll", "ppoll"], twice.Distinct().Order(StringComparer.Ordinal));
    }

    /// <summary>C# wants a constant in a pattern, a case label and another constant; everywhere else the number is the base's.</summary>
    [Theory]
    [InlineData("x86_64")]
    [InlineData("aarch64")]
    public void ConstantsThatAreWrittenOutHereAreTheBases(string architecture)
    {
        Dictionary<string, long> numbers = TmdsNumbers.For(architecture);
        FieldInfo[] both = [.. typeof(LibC.LibC).GetFields(All).Where(f => f.IsLiteral && numbers.ContainsKey(f.Name))];
        Assert.InRange(both.Length, 1, 60);
        Assert.All(both, f => Assert.Equal(numbers[f.Name], unchecked((long)Convert.ToDecimal(f.GetRawConstantValue(), null))));
    }

    /// <summary>A number that this machine has and the other has not would be wrong there.</summary>
    [Fact]
    public void TheOthersAreThoseOfTheRunningMachine()
    {
        PropertyInfo[] taken = [.. AbiNumbers.PropertiesOf(typeof(LibC.LibC)).Where(static p => TmdsNumbers.For("x86_64").ContainsKey(p.Name))];
        Assert.InRange(taken.Length, 250, 2_000);
        Assert.All(taken, static p => Assert.Equal(
            AbiNumbers.OfType(p, TmdsNumbers.For(AbiNumbers.RunningArchitecture)[p.Name]), AbiNumbers.ToInt64(p.GetValue(null)!)));
    }

    /// <summary>Unlike the C library's own errno, what the runtime kept after the call stays until the next call of this thread.</summary>
    [Fact]
    public void ACollectionBetweenCallAndLookChangesNoErrno()
    {
        Assert.Equal(-1, LibC.LibC.close(-1));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal(LibC.LibC.EBADF, LibC.LibC.errno);
    }
}
