using VhostNet.Daemon.Api;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Refusals;

/// <summary>What a refusal becomes at the two edges of the daemon: the process's end and an answer over HTTP.</summary>
public sealed class RefusalKindTests
{
    [Theory]
    [InlineData(nameof(RefusalKind.Wrong), 2, 400)]
    [InlineData(nameof(RefusalKind.Missing), 3, 404)]
    [InlineData(nameof(RefusalKind.Conflict), 3, 409)]
    [InlineData(nameof(RefusalKind.Resource), 3, 409)]
    [InlineData(nameof(RefusalKind.InUse), 4, 409)]
    [InlineData(nameof(RefusalKind.Busy), 3, 503)]
    public void AKindHasOneNumberAtEachEdge(string kind, int exitCode, int status)
    {
        RefusalKind refusal = Enum.Parse<RefusalKind>(kind);
        Assert.Equal((exitCode, status), ((int)ExitCodes.Of(refusal), HttpStatus.Of(refusal)));
    }

    [Fact]
    public void AMistakeInTheConfigurationIsWrong()
    {
        var mistake = new ConfigException("ports[0].mtu", "9 is too small");
        Assert.Equal((RefusalKind.Wrong, "ports[0].mtu: 9 is too small"), (mistake.Kind, mistake.Message));
    }
}
