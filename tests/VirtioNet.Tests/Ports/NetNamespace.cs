using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.ExceptionServices;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>A network namespace of the test's own: a thread that lives in it, and which ends with the test, as the namespace does.</summary>
internal sealed class NetNamespace : IDisposable
{
    private readonly BlockingCollection<Action> _work = [];
    private readonly Thread _thread;
    private readonly string _path;

    public NetNamespace()
    {
        Assert.True(geteuid() == 0, "Network namespaces need root: run the tests as root.");
        _thread = new Thread(() =>
        {
            foreach (Action action in _work.GetConsumingEnumerable())
            {
                action();
            }
        })
        { IsBackground = true, Name = "netns" };
        _thread.Start();
        int result = Run(() => unshare(CLONE_NEWNET) < 0 ? errno : 0);
        Assert.True(result == 0, $"unshare(CLONE_NEWNET) failed with errno {result}: run the tests where network namespaces can be made.");
        _path = $"/proc/{Environment.ProcessId}/task/{Run(gettid)}/ns/net";
        Run(() =>
        {
            // The kernel's own IPv6 chatter would be among the frames.
            File.WriteAllText("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
            return 0;
        });
        Ip("link set lo up");
    }

    /// <summary>Runs a function inside the namespace.</summary>
    public T Run<T>(Func<T> function)
    {
        using var done = new ManualResetEventSlim();
        T result = default!;
        ExceptionDispatchInfo? error = null;
        _work.Add(() =>
        {
            try
            {
                result = function();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }

            done.Set();
        });
        Assert.True(done.Wait(TimeSpan.FromSeconds(20)));
        error?.Throw();
        return result;
    }

    public string Ip(string arguments) => Command("ip", arguments);

    /// <summary>Runs a program inside the namespace.</summary>
    public string Command(string program, string arguments)
    {
        using var process = Process.Start(new ProcessStartInfo("nsenter", $"--net={_path} {program} {arguments}") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        string output = process.StandardOutput.ReadToEnd();
        string error = process.StandardError.ReadToEnd();
        Assert.True(process.WaitForExit(20000));
        Assert.True(process.ExitCode == 0, $"{program} {arguments}: {error}");
        return output;
    }

    public void Dispose()
    {
        _work.CompleteAdding();
        _thread.Join(TimeSpan.FromSeconds(5));
        _work.Dispose();
    }
}
