using VhostNet.Aio.Failpoints;

namespace VhostNet.Aio.Monitors;

/// <summary>An io_uring of poll requests, on raw system calls. One thread at a time.</summary>
internal sealed unsafe class IoUringRing : IDisposable
{
    private readonly FileDescriptor _fd;
    private readonly Mapping _rings;
    private readonly Mapping _sqes;
    private readonly io_uring_params _params;
    private uint _sqTail;
    private uint _submitted;

    /// <summary>Makes a ring.</summary>
    /// <exception cref="ErrnoException">The kernel has no io_uring, forbids it, or is older than 5.11.</exception>
    public IoUringRing(uint entries)
    {
        io_uring_params parameters = default;

        // SAFETY: the kernel fills the structure, whose layout the ABI test checks, and keeps no pointer to it.
        _fd = FileDescriptor.FromResult(io_uring_setup(entries, &parameters), "io_uring_setup");
        _params = parameters;
        const uint needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG;
        if ((parameters.features & needed) != needed)
        {
            _fd.Dispose();
            new Errno(EOPNOTSUPP).Throw($"io_uring_setup gave the features 0x{parameters.features:x}; 0x{needed:x} are needed (Linux 5.11)");
        }

        nuint sqBytes = parameters.sq_off.array + (parameters.sq_entries * sizeof(uint));
        nuint cqBytes = parameters.cq_off.cqes + (parameters.cq_entries * (nuint)sizeof(io_uring_cqe));
        const int prot = PROT_READ | PROT_WRITE;
        _rings = Mapping.Map(_fd.Value, IORING_OFF_SQ_RING, Math.Max(sqBytes, cqBytes), prot, MAP_SHARED | MAP_POPULATE);
        _sqes = Mapping.Map(_fd.Value, IORING_OFF_SQES, parameters.sq_entries * (nuint)sizeof(io_uring_sqe), prot, MAP_SHARED | MAP_POPULATE);
    }

    /// <summary>The ring's own descriptor: readable while there are completions.</summary>
    public int Fd => _fd.Value;

    /// <summary>There are completions to take. No system call.</summary>
    public bool HasCompletions => Volatile.Read(ref *At(_params.cq_off.tail)) != *At(_params.cq_off.head);

    /// <summary>Completions wait in the kernel because the ring was full.</summary>
    public bool HasOverflow => (Volatile.Read(ref *At(_params.sq_off.flags)) & IORING_SQ_CQ_OVERFLOW) != 0;

    /// <summary>Requests that were not given to the kernel yet.</summary>
    public uint Unsubmitted => _sqTail - _submitted;

    /// <summary>A failpoint: the kernel takes no requests, as older ones do while completions wait for room (EBUSY).</summary>
    internal bool KernelRefuses { get; set; }

    /// <summary>Asks for one completion when the descriptor has one of the events.</summary>
    /// <returns>False if the ring is full and the kernel takes nothing at the moment: take completions, then try again.</returns>
    public bool PollAdd(int fd, short events, ulong userData) =>
        Add(new io_uring_sqe { opcode = (byte)IORING_OP_POLL_ADD, fd = fd, poll32_events = PollMask((ushort)events), user_data = userData });

    /// <summary>Takes a request back.</summary>
    /// <param name="target">The request's user data.</param>
    /// <param name="userData">User data of this request itself. It is always set: a number left from the entry's last use would be taken for a
    /// handler's.</param>
    /// <returns>As <see cref="PollAdd"/>.</returns>
    public bool PollRemove(ulong target, ulong userData) =>
        Add(new io_uring_sqe { opcode = (byte)IORING_OP_POLL_REMOVE, fd = -1, addr = target, user_data = userData });

    /// <summary>Submits what was added and waits for a completion.</summary>
    /// <param name="timeoutNs">0 does not wait, -1 waits for ever.</param>
    public void Enter(long timeoutNs)
    {
        if (FailpointSwitch.IsOn && KernelRefuses)
        {
            return;
        }

        // SAFETY: both structures live on this frame, which outlasts the call; the kernel copies them.
        timespec ts = timespec.FromNanoseconds(Math.Max(0, timeoutNs));
        io_uring_getevents_arg arg = new() { ts = timeoutNs > 0 ? (ulong)(&ts) : 0 };
        int n = io_uring_enter(_fd.Value, Unsubmitted, timeoutNs == 0 ? 0u : 1u, IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG, &arg, (nuint)sizeof(io_uring_getevents_arg));
        if (n > 0)
        {
            _submitted += (uint)n;
        }
        else if (n < 0 && errno is not (ETIME or EINTR or EBUSY or EAGAIN))
        {
            Errno.Last.Throw("io_uring_enter");
        }
        else if (n < 0)
        {
            // A wait that timed out or was interrupted may have submitted before; the kernel's head tells.
            _submitted = Volatile.Read(ref *At(_params.sq_off.head));
        }
    }

    /// <summary>Takes one completion.</summary>
    public bool TryTake(out ulong userData, out int result)
    {
        uint* headAddress = At(_params.cq_off.head);
        uint head = *headAddress;
        if (Volatile.Read(ref *At(_params.cq_off.tail)) == head)
        {
            userData = 0;
            result = 0;
            return false;
        }

        // SAFETY: the index is masked by the ring's own mask, and the kernel does not touch the entry before the head moves on.
        io_uring_cqe* cqe = (io_uring_cqe*)((byte*)_rings.Address + _params.cq_off.cqes) + (head & *At(_params.cq_off.ring_mask));
        userData = cqe->user_data;
        result = cqe->res;
        Volatile.Write(ref *headAddress, head + 1);
        return true;
    }

    public void Dispose()
    {
        _rings.Dispose();
        _sqes.Dispose();
        _fd.Dispose();
    }

    private bool IsFull => _sqTail - Volatile.Read(ref *At(_params.sq_off.head)) == _params.sq_entries;

    // SAFETY: the offsets come from the kernel and lie inside the mapping, which lives as long as this object.
    private uint* At(uint offset) => (uint*)((byte*)_rings.Address + offset);

    private bool Add(io_uring_sqe sqe)
    {
        if (IsFull)
        {
            Enter(0);
            if (IsFull)
            {
                return false;
            }
        }

        // SAFETY: the index is masked, and the check above left the entry to this side. The tail is published after the entry and its index.
        uint index = _sqTail & *At(_params.sq_off.ring_mask);
        ((io_uring_sqe*)_sqes.Address)[index] = sqe;
        At(_params.sq_off.array)[index] = index;
        Volatile.Write(ref *At(_params.sq_off.tail), ++_sqTail);
        return true;
    }

    // The kernel swaps the halves of the mask on big-endian machines; on all that .NET runs on but one it is the plain mask.
    private static uint PollMask(uint events) => BitConverter.IsLittleEndian ? events : (events << 16) | (events >> 16);
}
