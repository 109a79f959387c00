namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>
/// Rates of many short windows, with and without the attack in turn. A median of many is not moved by a neighbour that takes the processor for a moment; the total
/// is moved by each stop of the thread, however few windows it falls into. Both are judged.
/// </summary>
internal sealed class RateWindows
{
    /// <summary>Calm windows that are measured before the attack begins.</summary>
    public const int BeforeCount = 5;

    private readonly List<(double Seconds, long Frames)> _calm = [], _attacked = [];

    public void Add(bool attacked, double seconds, long frames) => (attacked ? _attacked : _calm).Add((seconds, frames));

    /// <summary>Frames per second without the attack.</summary>
    public double Calm => Median(_calm);

    /// <summary>Frames per second under attack.</summary>
    public double Attacked => Median(_attacked);

    /// <summary>Median of the attacked windows as a share of that of the calm ones, or of the pace where an attack spoils both.</summary>
    public double MedianShare => Attacked / Reference;

    /// <summary>All frames of the attacked windows as a share of what the reference would have brought.</summary>
    public double TotalShare => _attacked.Sum(w => (double)w.Frames) / Math.Max(1, _attacked.Sum(w => w.Seconds) * Reference);

    /// <summary>
    /// What the pair has without the attack: the windows from before it, or the best quarter of all calm ones where the machine got quieter meanwhile. Calm windows that
    /// an attack lasts into make nothing better.
    /// </summary>
    private double Reference
    {
        get
        {
            double[] rates = [.. _calm.Select(w => w.Frames / w.Seconds).Order()];
            double before = Median(_calm[..Math.Min(BeforeCount, _calm.Count)]);
            return rates.Length == 0 ? 1 : Math.Clamp(Math.Max(before, rates[rates.Length * 3 / 4]), 1, InnocentPair.Pace);
        }
    }

    private static double Median(List<(double Seconds, long Frames)> windows)
    {
        double[] rates = [.. windows.Select(w => w.Frames / w.Seconds).Order()];
        return rates.Length == 0 ? 0 : rates[rates.Length / 2];
    }
}
