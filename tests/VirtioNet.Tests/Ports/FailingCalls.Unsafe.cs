using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>
/// Makes a system call fail with a chosen error number, as the kernel itself would have it: a thread with a seccomp filter, which ends with it. Nothing in the product
/// knows of it, so that it costs nothing there, and what is tested is the very code that runs.
/// </summary>
internal static unsafe partial class FailingCalls
{
    private const int SECCOMP_SET_MODE_FILTER = 1;
    private const uint SECCOMP_RET_ERRNO = 0x00050000;
    private const uint SECCOMP_RET_ALLOW = 0x7fff0000;

    private static readonly Dictionary<string, (int X64, int Arm64)> s_numbers = new()
    {
        ["read"] = (0, 63),
        ["writev"] = (20, 66),
        ["readv"] = (19, 65),
        ["connect"] = (42, 203),
        ["recvfrom"] = (45, 207),
        ["sendmsg"] = (46, 211),
        ["epoll_ctl"] = (233, 21),
        ["accept4"] = (288, 242),
        ["recvmmsg"] = (299, 243),
        ["sendmmsg"] = (307, 269),
    };

    private static int SeccompNumber => IsX64 ? 317 : 277;

    private static bool IsX64 => RuntimeInformation.ProcessArchitecture == Architecture.X64;

    /// <summary>Runs an action on a thread where every call of this name, whatever it is made on, fails with the number.</summary>
    public static void Run(string call, int number, Action action)
    {
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                // What the action needs is loaded before: a filter on read, say, would be in the way of that.
                Install(IsX64 ? s_numbers[call].X64 : s_numbers[call].Arm64, number);
                action();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "failing" };
        thread.Start();
        Assert.True(thread.Join(TimeSpan.FromSeconds(20)));
        error?.Throw();
    }

    private static void Install(int call, int number)
    {
        // Offset 0 of struct seccomp_data is the number of the call.
        sock_filter* code = stackalloc sock_filter[4];
        code[0] = new sock_filter(BPF_LD | BPF_W | BPF_ABS, 0);
        code[1] = new sock_filter(BPF_JMP | BPF_JEQ | BPF_K, (uint)call, 0, 1);
        code[2] = new sock_filter(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint)number);
        code[3] = new sock_filter(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
        sock_fprog program = new() { len = 4, filter = code };
        nint result = syscall(SeccompNumber, SECCOMP_SET_MODE_FILTER, 0, &program);
        Assert.True(result == 0, $"seccomp failed with errno {Marshal.GetLastPInvokeError()}: these tests need root");
    }

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint syscall(nint number, nint operation, nint flags, void* args);
}
