using System.Globalization;
using System.Security.Cryptography;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Handover;
using VhostNet.VhostUser.Transport;

namespace VhostNet.Daemon.Takeover;

/// <summary>
/// Where a process comes that wants to take over from this one: one at a time, of the same user or root. Each is served by a thread of its own, as it may take
/// its time. Any thread.
/// </summary>
/// <param name="handing">Does what the two have agreed on.</param>
/// <param name="logger">Where it is reported.</param>
internal sealed class TakeOverDesk(HandingOver handing, ILogger<TakeOverDesk> logger)
{
    private static readonly TimeSpan s_arrivalLimit = TimeSpan.FromSeconds(10);
    private int _isBusy;

    /// <summary>Begins to wait for the process that asked.</summary>
    /// <param name="user">The user of whoever asked.</param>
    /// <returns>The abstract socket at which it is waited for.</returns>
    /// <exception cref="RefusalException">It may not, or another one takes over already.</exception>
    public string Open(uint user)
    {
        if (!PeerAccount.MayHandOver(user))
        {
            throw new RefusalException(RefusalKind.Resource, $"user {user} may not take over a daemon of user {geteuid()}; only that user and root may");
        }

        if (Interlocked.Exchange(ref _isBusy, 1) != 0)
        {
            throw new RefusalException(RefusalKind.Conflict, "another process takes over already; wait until that has come to its end");
        }

        try
        {
            // Nobody can take the place of a name that nobody can guess; whoever reads it elsewhere is turned away by its user.
            string name = string.Create(
                CultureInfo.InvariantCulture, $"vhostnetd-take-over-{Environment.ProcessId}-{RandomNumberGenerator.GetHexString(16, lowercase: true)}");
            FileDescriptor listener = AbstractSocket.Listen(name);
            new Thread(() => Serve(listener)) { Name = "take-over", IsBackground = true }.Start();
            return name;
        }
        catch (ErrnoException e)
        {
            Volatile.Write(ref _isBusy, 0);
            throw new RefusalException(RefusalKind.Resource, $"no socket for the other process can be had: {e.Message}", e);
        }
    }

    private void Serve(FileDescriptor listener)
    {
        bool isOver = false;
        try
        {
            using HandoverChannel channel = Accept(listener, out int process);
            isOver = handing.Run(channel, process);
        }
        catch (HandoverException e)
        {
            logger.ComesToNothing(e.Message);
        }
#pragma warning disable CA1031 // Nobody waits for this thread; the daemon goes on in any case.
        catch (Exception e)
        {
            logger.ComesToNothing($"internal error, please report it: {e}");
        }
#pragma warning restore CA1031
        finally
        {
            if (!isOver)
            {
                Volatile.Write(ref _isBusy, 0);
            }
        }
    }

    private HandoverChannel Accept(FileDescriptor listener, out int process)
    {
        using (listener)
        {
            var deadline = Deadline.In(s_arrivalLimit);
            while (!deadline.IsOver)
            {
                deadline.Wait(listener, POLLIN);
                if (AbstractSocket.Accept(listener) is not { } socket)
                {
                    continue;
                }

                ucred peer = UnixSocket.PeerOf(socket.Value);
                if (PeerAccount.MayHandOver(peer.uid))
                {
                    process = peer.pid;
                    return new HandoverChannel(socket);
                }

                logger.TurnedAway(peer.pid, peer.uid, geteuid());
                socket.Dispose();
            }
        }

        throw new HandoverException($"the process that asked did not come within {s_arrivalLimit.TotalSeconds:0} s");
    }
}
