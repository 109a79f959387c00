namespace VhostNet.Daemon.Metrics;

/// <summary>Takes the values of one metric, one series after the other.</summary>
internal interface IMetricSink
{
    /// <summary>Takes one value.</summary>
    /// <param name="labels">The series.</param>
    /// <param name="more">Further labels of the series, or <see cref="SeriesLabels.None"/>.</param>
    /// <param name="value">The value, in the metric's unit.</param>
    void Add(SeriesLabels labels, SeriesLabels more, long value);
}
