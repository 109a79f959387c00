using System.Runtime.CompilerServices;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using VhostNet.Aio.Timers;

namespace VhostNet.VirtioNet.Ports.User;

/// <content>
/// What the library calls. Each has the handle of its stack as the opaque pointer. An exception can't pass through the library: it is kept, and thrown when the
/// call that led here has returned.
/// </content>
// SAFETY: the opaque pointer is the handle that the constructor made and that lives until after slirp_cleanup; buffers are valid during the call.
internal sealed unsafe partial class SlirpStack
{
    private ExceptionDispatchInfo? _thrown;

    private static void SetCallbacks(SlirpCb* callbacks)
    {
        callbacks->send_packet = &OnSendPacket;
        callbacks->guest_error = &OnGuestError;
        callbacks->clock_get_ns = &OnClockGetNs;
        callbacks->timer_free = &OnTimerFree;
        callbacks->timer_mod = &OnTimerMod;
        callbacks->register_poll_fd = &OnRegisterPollFd;
        callbacks->unregister_poll_fd = &OnUnregisterPollFd;
        callbacks->notify = &OnNotify;
        callbacks->init_completed = &OnInitCompleted;
        callbacks->timer_new_opaque = &OnTimerNewOpaque;
    }

    private static SlirpStack Self(void* opaque) => (SlirpStack)GCHandle.FromIntPtr((nint)opaque).Target!;

    private void Keep(Exception e) => _thrown ??= ExceptionDispatchInfo.Capture(e);

    private void ThrowKept()
    {
        if (_thrown is { } thrown)
        {
            _thrown = null;
            thrown.Throw();
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static nint OnSendPacket(void* buf, nuint len, void* opaque)
    {
        SlirpStack self = Self(opaque);
        try
        {
            self._host.SendFrame(new ReadOnlySpan<byte>(buf, (int)len));
        }
        catch (Exception e)
        {
            self.Keep(e);
        }

        return (nint)len;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnGuestError(byte* msg, void* opaque) => Self(opaque)._host.GuestError();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static long OnClockGetNs(void* opaque) => AioClock.Monotonic.NowNs;

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void* OnTimerNewOpaque(int id, void* cb_opaque, void* opaque)
    {
        SlirpStack self = Self(opaque);
        try
        {
            return (void*)self._host.CreateTimer(id, (nint)cb_opaque);
        }
        catch (Exception e)
        {
            self.Keep(e);
            return null;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnTimerFree(void* timer, void* opaque) => OnTimer(opaque, (nint)timer, null);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnTimerMod(void* timer, long expire_time, void* opaque) => OnTimer(opaque, (nint)timer, expire_time);

    private static void OnTimer(void* opaque, nint timer, long? milliseconds)
    {
        SlirpStack self = Self(opaque);
        try
        {
            if (milliseconds is { } time)
            {
                self._host.SetTimer(timer, time);
            }
            else
            {
                self._host.FreeTimer(timer);
            }
        }
        catch (Exception e)
        {
            self.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnRegisterPollFd(int fd, void* opaque)
    {
        SlirpStack self = Self(opaque);
        try
        {
            self._host.PollFdOpened(fd);
        }
        catch (Exception e)
        {
            self.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnUnregisterPollFd(int fd, void* opaque)
    {
        SlirpStack self = Self(opaque);
        try
        {
            self._host.PollFdClosed(fd);
        }
        catch (Exception e)
        {
            self.Keep(e);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnNotify(void* opaque) => Self(opaque)._host.Notify();

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnInitCompleted(void* slirp, void* opaque)
    {
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnAddPoll(int fd, int events, void* opaque)
    {
        // Urgent data (SLIRP_POLL_PRI) are read in line with the others: the library's own way with them counts bytes that are not there.
        int wanted = (events & SlirpLibrary.SLIRP_POLL_IN) != 0 ? POLLIN : 0;
        wanted |= (events & SlirpLibrary.SLIRP_POLL_OUT) != 0 ? POLLOUT : 0;
        SlirpStack self = Self(opaque);
        try
        {
            return self._host.AddPollFd(fd, (short)wanted);
        }
        catch (Exception e)
        {
            self.Keep(e);
            return -1;
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int OnGetRevents(int idx, void* opaque)
    {
        SlirpStack self = Self(opaque);
        int found;
        try
        {
            found = self._host.PollFdFound(idx);
        }
        catch (Exception e)
        {
            self.Keep(e);
            return 0;
        }

        int revents = (found & POLLIN) != 0 ? SlirpLibrary.SLIRP_POLL_IN : 0;
        revents |= (found & POLLOUT) != 0 ? SlirpLibrary.SLIRP_POLL_OUT : 0;
        revents |= (found & POLLERR) != 0 ? SlirpLibrary.SLIRP_POLL_ERR : 0;
        return revents | ((found & POLLHUP) != 0 ? SlirpLibrary.SLIRP_POLL_HUP : 0);
    }
}
