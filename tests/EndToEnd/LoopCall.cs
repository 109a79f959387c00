using System.Globalization;

namespace VhostNet.EndToEnd;

/// <summary>One system call of a traced thread.</summary>
/// <param name="Thread">The thread's number.</param>
/// <param name="Name">The call.</param>
/// <param name="Arguments">Its arguments, as strace writes them.</param>
/// <param name="ResultText">What it returned.</param>
/// <param name="Seconds">How long it took.</param>
internal sealed record LoopCall(int Thread, string Name, string Arguments, string ResultText, double Seconds)
{
    /// <summary>True unless its descriptor was seen to be made non-blocking.</summary>
    public bool CanBlock { get; init; } = true;

    /// <summary>The descriptor that it was made on, or -1.</summary>
    public int Descriptor => Leading(Arguments);

    /// <summary>What it returned as a number, or -1.</summary>
    public int Result => Leading(ResultText);

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Name}({Arguments}) = {ResultText} <{Seconds:0.000000}>");

    private static int Leading(string text)
    {
        int length = text.AsSpan().IndexOfAnyExceptInRange('0', '9');
        return int.TryParse(length < 0 ? text : text[..length], NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : -1;
    }
}
