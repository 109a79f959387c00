using System.Runtime.CompilerServices;
using Xunit.Sdk;
using Xunit.v3;

// Processes are started and waited for: one at a time gives failures that can be read.
[assembly: Parallelization(Mode = ParallelMode.None)]

namespace VhostNet.Daemon.Tests;

internal static class DaemonUnderTest
{
    /// <summary>Without VHOSTNETD the tests run the daemon that was built together with them.</summary>
    [ModuleInitializer]
    internal static void Choose()
    {
        if (Environment.GetEnvironmentVariable("VHOSTNETD") is null)
        {
            Environment.SetEnvironmentVariable("VHOSTNETD", Path.Combine(AppContext.BaseDirectory, "vhostnetd"));
        }
    }
}
