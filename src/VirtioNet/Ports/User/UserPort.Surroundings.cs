using VhostNet.Aio.Timers;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.VirtioNet.Ports.User;

/// <content>What the library asks of its surroundings, on the port's thread and under the library's lock.</content>
public sealed partial class UserPort
{
    /// <summary>What the stack calls.</summary>
    private sealed class Surroundings(UserPort port) : ISlirpHost
    {
        // A handle is the timer's place in the list plus one.
        private readonly List<AioTimer?> _timers = [];

        public void SendFrame(ReadOnlySpan<byte> frame)
        {
            // This thread is the ring's only producer, so that its lock is not needed.
            if (port._outlet.Ring.TryReserve(frame.Length, out Span<byte> room))
            {
                frame.CopyTo(room);
                port._outlet.Ring.Commit(default, frame.Length);
                port._outlet.Kick();
            }
            else
            {
                port.IngressCounters.Drop(DropReason.NoBuffers);
            }
        }

        public void GuestError() => port._guestErrors++;

        public nint CreateTimer(int id, nint cookie)
        {
            _timers.Add(port._context.CreateTimer(AioClock.Monotonic, () =>
            {
                if (port.IsFaulted)
                {
                    return;
                }

                lock (SlirpLibrary.Lock)
                {
                    port._stack.HandleTimer(id, cookie);
                }

                port._work.Schedule();
            }));
            return _timers.Count;
        }

        public void SetTimer(nint timer, long milliseconds) => _timers[(int)timer - 1]?.Modify(milliseconds * 1_000_000);

        public void FreeTimer(nint timer)
        {
            _timers[(int)timer - 1]?.Delete();
            _timers[(int)timer - 1] = null;
        }

        public void PollFdOpened(int fd)
        {
            port._poller.Forget(fd);
            SlirpPoller.MakeNonBlocking(fd);
            port._quota.Opened(fd);
            port._forwarder.Opened(fd);
        }

        public void PollFdClosed(int fd)
        {
            port._poller.Forget(fd);
            port._quota.Closed(fd);
            port._forwarder.Closed(fd);
        }

        public int AddPollFd(int fd, short events) => port._poller.Add(fd, events);

        public short PollFdFound(int index)
        {
            if (port._poller.IsReadyListener(index) && !port._quota.TakesConnection)
            {
                port._poller.HoldsListeners = true;
                return 0;
            }

            return port._poller.Found(index);
        }

        public void Notify() => port._work.Schedule();

        public void DeleteTimers() => _timers.ForEach(t => t?.Delete());
    }
}
