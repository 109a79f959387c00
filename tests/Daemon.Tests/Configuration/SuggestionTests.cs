using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Configuration;

public sealed class SuggestionTests
{
    [Theory]
    [InlineData("", "", 0)]
    [InlineData("abc", "", 3)]
    [InlineData("", "ab", 2)]
    [InlineData("kitten", "sitting", 3)]
    [InlineData("uplink", "uplnik", 1)]
    [InlineData("poll", "pol", 1)]
    public void DistanceCountsEdits(string a, string b, int distance)
    {
        Assert.Equal(distance, Suggestion.Distance(a, b));
        Assert.Equal(distance, Suggestion.Distance(b, a));
    }

    [Theory]
    [InlineData("queue-pairs", "queuePairs")]
    [InlineData("QUEUEPAIRS", "queuePairs")]
    [InlineData("queuepair", "queuePairs")]
    [InlineData("metric", "metrics")]
    [InlineData("entirely different", null)]
    public void TheNearestCandidateIsOffered(string word, string? expected) =>
        Assert.Equal(expected, Suggestion.For(word, ["queuePairs", "metrics", "mtu"]));
}
