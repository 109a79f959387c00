using System.Text.Json.Serialization;

namespace VhostNet.Throughput;

/// <summary>One short time in which one of the back ends ran.</summary>
/// <param name="Round">The round; every back end has one window in it.</param>
/// <param name="BeforeNs">Round trip of a cache line before the window, in nanoseconds.</param>
/// <param name="AfterNs">The same after it.</param>
/// <param name="Mpps">Million frames per second that the front end received, all ports together.</param>
internal sealed record Window(int Round, double BeforeNs, double AfterNs, double Mpps)
{
    /// <summary>How far apart the processors stood.</summary>
    [JsonConverter(typeof(JsonStringEnumConverter<Distance>))]
    public Distance Distance => Classify(BeforeNs) is var before && before == Classify(AfterNs) ? before : Distance.Unsteady;

    private static Distance Classify(double nanoseconds) => nanoseconds switch
    {
        < 100 => Distance.Sibling,
        < 230 => Distance.Near,
        < 400 => Distance.Between,
        < 800 => Distance.Far,
        _ => Distance.Unsteady,
    };
}
