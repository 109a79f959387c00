using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of how threads wait for work; the threads themselves are made at the start. Pure; any thread.</summary>
internal sealed class ThreadChanges() : ItemChanges<ThreadOptions>("threads", "thread", ["poll", "pollMaxMicroseconds"])
{
    /// <inheritdoc/>
    public override bool IsFixed => true;

    /// <inheritdoc/>
    protected override IReadOnlyList<ThreadOptions> Items(DaemonOptions options) => options.Threads;

    /// <inheritdoc/>
    protected override DaemonOptions With(DaemonOptions options, IReadOnlyList<ThreadOptions> items) => options with { Threads = items };

    /// <inheritdoc/>
    protected override JsonElement Document(ThreadOptions item) => item.Source ?? LiveDocument.Minimal(("name", item.Name));

    /// <inheritdoc/>
    protected override ThreadOptions ReadNew(JsonElement json, string path) => ConfigReader.ReadThread(ConfigSection.At(json, path));

    /// <inheritdoc/>
    protected override ThreadOptions ReadChanged(ThreadOptions before, JsonElement json, string path)
    {
        ThreadOptions thread = ReadNew(json, path);
        if ((before.Source is not null || thread.Cpu is not null) && before.Cpu != thread.Cpu)
        {
            string now = before.Cpu is { } cpu ? $"it is {cpu}" : "it is not set";
            throw new RefusalException(
                RefusalKind.Conflict,
                $"{path}.cpu: can't be changed while the thread runs ({now}), only {string.Join(", ", LiveKeys)} can; change the configuration and start anew");
        }

        // A command line's CPU is in no document.
        return thread with { Cpu = before.Cpu, IsAutomatic = before.IsAutomatic };
    }

    /// <inheritdoc/>
    protected override void Apply(Composition composition, ThreadOptions item, DaemonOptions after) => composition.SetPoll(item, after);
}
