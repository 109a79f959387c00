using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Backend.Logging;

namespace VhostNet.VhostUser.Tests.Backend;

public sealed class LimitedSessionLogTests
{
    [Fact]
    public void AFloodIsCutOffAndCounted()
    {
        var clock = AioClock.CreateVirtual();
        var lines = new RecordingLog();
        var log = new LimitedSessionLog(lines, clock);
        for (int i = 0; i < 1000; i++)
        {
            log.Write(SessionLogLevel.Info, "c", $"{i}");
        }

        Assert.Equal(LimitedSessionLog.Burst, lines.Lines.Count);
        log.Write(SessionLogLevel.Error, "c", "the end");
        Assert.Equal("Error c: the end", lines.Lines[^1]);

        clock.Advance(1_000_000_000);
        for (int i = 0; i < 100; i++)
        {
            log.Write(SessionLogLevel.Info, "c", "again");
        }

        Assert.Contains("800 lines were left out", lines.Lines[LimitedSessionLog.Burst + 1], StringComparison.Ordinal);
        Assert.Equal(LimitedSessionLog.Burst + 1 + 1 + 10, lines.Lines.Count);
    }
}
