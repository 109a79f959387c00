using System.Globalization;

namespace VhostNet.Continuity;

/// <summary>What a series of take-overs showed.</summary>
/// <param name="Guests">Guests that were connected.</param>
/// <param name="Busy">Those that sent.</param>
/// <param name="Said">Gaps as the daemon says, in milliseconds, one for each take-over.</param>
/// <param name="Seen">The longest times without a frame, in milliseconds, one for each take-over and busy guest.</param>
/// <param name="Received">Frames that came back.</param>
/// <param name="Lost">Frames that did not.</param>
internal sealed record TakeOverResult(int Guests, int Busy, IReadOnlyList<double> Said, IReadOnlyList<double> Seen, long Received, long Lost)
{
    /// <summary>Writes it as a line of a table.</summary>
    public void Write(TextWriter to)
    {
        to.WriteLine("| guests | busy | take-overs | daemon says: median | worst | guests see: median | worst | frames | lost |");
        to.WriteLine("| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        to.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {Guests} | {Busy} | {Said.Count} | {Median(Said):0.00} ms | {Said.Max():0.00} ms | {Median(Seen):0.00} ms | {Seen.Max():0.00} ms | {Received} | {Lost} |"));
    }

    private static double Median(IReadOnlyList<double> values) => values.Order().ElementAt(values.Count / 2);
}
