using System.Text.Json;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Changes;

/// <summary>Changes of how threads wait for work. Pure; any thread.</summary>
internal static class ThreadChanges
{
    /// <summary>The keys whose values can be changed while a thread runs.</summary>
    public static IReadOnlyList<string> LiveKeys { get; } = ["poll", "pollMaxMicroseconds"];

    /// <summary>A thread shall wait in another way.</summary>
    /// <exception cref="ConfigException">The request is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Patch(DaemonOptions now, string name, JsonElement patch)
    {
        ThreadOptions before = Find(now, name);
        LiveDocument.CheckSame(patch, "name", name, $"threads.{name}");
        JsonElement source = before.Source ?? LiveDocument.Minimal(("name", name));
        return Change(now, before, LiveDocument.Merge(source, patch));
    }

    /// <summary>A thread shall be as an object says.</summary>
    /// <exception cref="ConfigException">The object is wrong.</exception>
    /// <exception cref="RefusalException">It can't be done as things are.</exception>
    public static LiveChange Put(DaemonOptions now, string name, JsonElement json) => Change(now, Find(now, name), json);

    private static ThreadOptions Find(DaemonOptions now, string name) =>
        now.Threads.FirstOrDefault(t => t.Name == name) ?? throw Missing.Thread(name, now.Threads.Select(t => t.Name));

    private static LiveChange Change(DaemonOptions now, ThreadOptions before, JsonElement json)
    {
        string path = $"threads.{before.Name}";
        ThreadOptions thread = ConfigReader.ReadThread(ConfigSection.At(json, path));
        if (before.Source is not null || thread.Cpu is not null)
        {
            CheckCpu(before, thread, path);
        }

        // A command line's CPU is in no document.
        thread = thread with { Cpu = before.Cpu, IsAutomatic = before.IsAutomatic };
        DaemonOptions after = LiveChange.Checked(now with { Threads = [.. now.Threads.Select(t => t == before ? thread : t)] });
        return new LiveChange(composition => composition.SetPoll(thread, after), new ConfigEdit("threads", before.Name, json));
    }

    private static void CheckCpu(ThreadOptions before, ThreadOptions after, string path)
    {
        if (before.Cpu != after.Cpu)
        {
            string now = before.Cpu is { } cpu ? $"it is {cpu}" : "it is not set";
            throw new RefusalException(
                RefusalKind.Conflict, $"{path}.cpu: can't be changed while the thread runs ({now}), only {string.Join(", ", LiveKeys)} can; change the configuration and start anew");
        }
    }
}
