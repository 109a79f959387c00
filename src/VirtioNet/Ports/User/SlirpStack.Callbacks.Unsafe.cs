using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VhostNet.Aio;

namespace VhostNet.VirtioNet.Ports.User;

/// <content>What the library calls. Each has the handle of its stack as the opaque pointer.</content>
// SAFETY: the opaque pointer is the handle that the constructor made and that lives until after slirp_cleanup; buffers are valid during the call.
internal sealed unsafe partial class SlirpStack
{
    private static void SetCallbacks(SlirpCb* callbacks)
    {
        callbacks->send_packet = &OnSendPacket;
        callbacks->guest_error = &OnGuestError;
        callbacks->clock_get_ns = &OnClockGetNs;
        callbacks->timer_free = &OnTimerFree;
        callbacks->timer_mod = &OnTimerMod;
        callbacks->register_poll_fd = &OnRegisterPollFd;
        callbacks->unregister_poll_fd = &OnRegisterPollFd;
        callbacks->notify = &OnNotify;
        callbacks->init_completed = &OnInitCompleted;
        callbacks->timer_new_opaque = &OnTimerNewOpaque;
    }

    private static ISlirpHost Host(void* opaque) => ((SlirpStack)GCHandle.FromIntPtr((nint)opaque).Target!)._host;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint OnSendPacket(void* buf, nuint len, void* opaque)
    {
        Host(opaque).SendFrame(new ReadOnlySpan<byte>(buf, (int)len));
        return (nint)len;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnGuestError(byte* msg, void* opaque) => Host(opaque).GuestError();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long OnClockGetNs(void* opaque) => AioClock.Monotonic.NowNs;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* OnTimerNewOpaque(int id, void* cb_opaque, void* opaque) => (void*)Host(opaque).CreateTimer(id, (nint)cb_opaque);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnTimerFree(void* timer, void* opaque) => Host(opaque).FreeTimer((nint)timer);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnTimerMod(void* timer, long expire_time, void* opaque) => Host(opaque).SetTimer((nint)timer, expire_time);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnRegisterPollFd(int fd, void* opaque) => Host(opaque).ForgetPollFd(fd);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnNotify(void* opaque) => Host(opaque).Notify();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnInitCompleted(void* slirp, void* opaque)
    {
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnAddPoll(int fd, int events, void* opaque)
    {
        int wanted = (events & SlirpLibrary.SLIRP_POLL_IN) != 0 ? POLLIN : 0;
        wanted |= (events & SlirpLibrary.SLIRP_POLL_OUT) != 0 ? POLLOUT : 0;
        wanted |= (events & SlirpLibrary.SLIRP_POLL_PRI) != 0 ? POLLPRI : 0;
        return Host(opaque).AddPollFd(fd, (short)wanted);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnGetRevents(int idx, void* opaque)
    {
        int found = Host(opaque).PollFdFound(idx);
        int revents = (found & POLLIN) != 0 ? SlirpLibrary.SLIRP_POLL_IN : 0;
        revents |= (found & POLLOUT) != 0 ? SlirpLibrary.SLIRP_POLL_OUT : 0;
        revents |= (found & POLLPRI) != 0 ? SlirpLibrary.SLIRP_POLL_PRI : 0;
        revents |= (found & POLLERR) != 0 ? SlirpLibrary.SLIRP_POLL_ERR : 0;
        return revents | ((found & POLLHUP) != 0 ? SlirpLibrary.SLIRP_POLL_HUP : 0);
    }
}
