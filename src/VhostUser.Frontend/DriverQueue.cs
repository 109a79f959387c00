using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Frontend;

/// <summary>
/// The driver's side of one virtqueue: offer chains of buffers, publish them, kick, collect what the device used (virtio 1.3 sections 2.7 and 2.8). For one
/// thread at a time. Once it is built, nothing here allocates, except indirect tables longer than
/// <see cref="DriverQueueOptions.IndirectLength"/>.
/// </summary>
public abstract class DriverQueue : IDisposable
{
    private readonly GuestMemory _memory;

    private protected DriverQueue(GuestMemory memory, DriverQueueOptions options, ulong driverBytes, ulong deviceBytes)
    {
        _memory = memory;
        Options = options;
        DescriptorAddress = memory.Allocate(16UL * (ulong)options.Size, 4096, options.Region);
        DriverAddress = memory.Allocate(driverBytes, 64, options.Region);
        DeviceAddress = memory.Allocate(deviceBytes, 64, options.Region);
        IsPacked = (options.Features & VirtioFeatures.RING_PACKED) != 0;
        IsInOrder = (options.Features & VirtioFeatures.IN_ORDER) != 0;
        HasEventIndex = (options.Features & VirtioFeatures.EVENT_IDX) != 0;
        Raw = new RawRing(
            options.Size, IsPacked, options.SwapBytes, memory.HostAddress(DescriptorAddress), memory.HostAddress(DriverAddress), memory.HostAddress(DeviceAddress));
        if ((options.Features & VirtioFeatures.INDIRECT_DESC) != 0 && options.IndirectLength > 0)
        {
            IndirectTables = memory.Allocate(16UL * (ulong)options.IndirectLength * (ulong)options.Size, 64, options.Region);
        }

        Kick = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd(kick)");
        Call = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd(call)");
        Error = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd(error)");
    }

    /// <summary>What the queue was made from.</summary>
    public DriverQueueOptions Options { get; }

    /// <summary>Number of the ring on the wire.</summary>
    public int Index => Options.Index;

    /// <summary>Queue size in descriptors.</summary>
    public int Size => Options.Size;

    /// <summary>True for a packed ring.</summary>
    public bool IsPacked { get; }

    /// <summary>True when the device uses buffers in the order in which they were offered (IN_ORDER).</summary>
    public bool IsInOrder { get; }

    /// <summary>True with EVENT_IDX.</summary>
    public bool HasEventIndex { get; }

    /// <summary>Guest address of the descriptor table or packed ring.</summary>
    public ulong DescriptorAddress { get; }

    /// <summary>Guest address of the avail ring or driver event suppression area.</summary>
    public ulong DriverAddress { get; }

    /// <summary>Guest address of the used ring or device event suppression area.</summary>
    public ulong DeviceAddress { get; }

    /// <summary>The eventfd that this side sets to notify the device.</summary>
    public FileDescriptor Kick { get; }

    /// <summary>The eventfd that the device sets to interrupt this side.</summary>
    public FileDescriptor Call { get; }

    /// <summary>The eventfd that the device sets when it finds the ring broken.</summary>
    public FileDescriptor Error { get; }

    /// <summary>Notifies the device in-band instead of by <see cref="Kick"/> when set (INBAND_NOTIFICATIONS).</summary>
    public Action<DriverQueue>? KickInBand { get; set; }

    /// <summary>The ring's memory, field by field.</summary>
    internal RawRing Raw { get; }

    /// <summary>How many descriptors can be offered now.</summary>
    public abstract int FreeDescriptors { get; }

    /// <summary>Chains that were offered and not collected.</summary>
    public int Outstanding { get; private protected set; }

    /// <summary>How often this side kicked.</summary>
    public long Kicks { get; private set; }

    /// <summary>What SET_VRING_BASE says when the ring starts for the first time.</summary>
    public abstract uint StartBase { get; }

    /// <summary>
    /// Where a new back end has to go on after the old one died: behind the last chain that the ring shows as used. Chains that the old one took and did not
    /// finish are processed again. Exact if the old back end used chains in the order in which they were offered.
    /// </summary>
    public abstract uint RestartBase { get; }

    /// <summary>The device's avail position as this side expects it once everything published was taken, in the form of GET_VRING_BASE.</summary>
    public abstract uint DrainedBase { get; }

    /// <summary>True when the device has used something that was not collected.</summary>
    public abstract bool HasUsed { get; }

    private protected GuestMemory Memory => _memory;

    /// <summary>Guest address of the ready-made indirect tables, one for each descriptor; 0 when there are none.</summary>
    public ulong IndirectTables { get; }

    /// <summary>Makes a queue of the layout that the features ask for.</summary>
    /// <exception cref="ArgumentException">The size is not one the layout allows.</exception>
    public static DriverQueue Create(GuestMemory memory, DriverQueueOptions options)
    {
        ArgumentNullException.ThrowIfNull(memory);
        ArgumentNullException.ThrowIfNull(options);
        bool packed = (options.Features & VirtioFeatures.RING_PACKED) != 0;
        if (options.Size is < 1 or > 32768 || (!packed && !int.IsPow2(options.Size)))
        {
            throw new ArgumentException($"queue size {options.Size} was asked; it must be 1 to 32768, and a power of two for a split ring", nameof(options));
        }

        return packed ? new PackedDriverQueue(memory, options) : new SplitDriverQueue(memory, options);
    }

    /// <summary>Offers one chain; the device sees it after <see cref="Publish"/>.</summary>
    /// <param name="buffers">Its buffers, at least one. Order and addresses are not checked, so that malformed chains can be offered.</param>
    /// <param name="cookie">The caller's number, given back with the used chain.</param>
    /// <param name="indirect">Put the descriptors into an indirect table (INDIRECT_DESC) and use one of the ring.</param>
    /// <returns>The chain's id, or -1 when the ring has no room for it.</returns>
    public abstract int Add(ReadOnlySpan<GuestBuffer> buffers, ulong cookie = 0, bool indirect = false);

    /// <summary>Offers each buffer as a chain of its own, with its address as cookie; the device sees them after <see cref="Publish"/>.</summary>
    /// <returns>How many there was room for.</returns>
    public abstract int AddBatch(ReadOnlySpan<GuestBuffer> buffers);

    /// <summary>Shows everything that was added to the device, with one store.</summary>
    public abstract void Publish();

    /// <summary>Whether the device wants a kick for what was published since the last such question. One full fence.</summary>
    public abstract bool ShouldKick();

    /// <summary>Collects chains that the device used and frees their descriptors.</summary>
    /// <returns>How many were stored in <paramref name="used"/>.</returns>
    /// <exception cref="RingViolationException">The device showed something impossible.</exception>
    public abstract int CollectUsed(Span<UsedChain> used);

    /// <summary>Asks the device not to interrupt.</summary>
    public abstract void DisableCalls();

    /// <summary>Asks the device to interrupt when it used <paramref name="after"/> more chains (more than one needs EVENT_IDX), then looks again.</summary>
    /// <returns>True when nothing is to be collected, so that an interrupt is sure to come.</returns>
    public abstract bool EnableCalls(int after = 1);

    /// <summary>
    /// Forgets everything that was offered and clears the ring's memory, as a driver does around a queue or device reset. The device must be stopped.
    /// </summary>
    public abstract void Reset();

    /// <summary>Adds, publishes and kicks one chain.</summary>
    /// <returns>The chain's id, or -1 when the ring has no room for it.</returns>
    public int Send(ReadOnlySpan<GuestBuffer> buffers, ulong cookie = 0, bool indirect = false)
    {
        int id = Add(buffers, cookie, indirect);
        if (id >= 0)
        {
            Publish();
            KickIfWanted();
        }

        return id;
    }

    /// <summary>Kicks if the device wants it for what was published since the last kick decision.</summary>
    /// <returns>Whether it kicked.</returns>
    public bool KickIfWanted()
    {
        bool wanted = ShouldKick();
        if (wanted)
        {
            KickNow();
        }

        return wanted;
    }

    /// <summary>Kicks, wanted or not.</summary>
    public void KickNow()
    {
        Kicks++;
        if (KickInBand is { } inBand)
        {
            inBand(this);
        }
        else
        {
            _ = write(Kick.Value, 1UL);
        }
    }

    /// <summary>Waits for an interrupt and clears it.</summary>
    /// <returns>How many interrupts there were; 0 when the time was over.</returns>
    public ulong WaitForCall(TimeSpan timeout) => Wait(Call, timeout);

    /// <summary>Waits until the device reported the ring as broken.</summary>
    public bool WaitForError(TimeSpan timeout) => Wait(Error, timeout) != 0;

    /// <summary>
    /// Collects used chains, waiting for interrupts in between, until <paramref name="used"/> is full or the time is over. Leaves interrupts enabled.
    /// </summary>
    /// <returns>How many were collected.</returns>
    public int WaitForUsed(Span<UsedChain> used, TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        int count = 0;
        while (true)
        {
            count += CollectUsed(used[count..]);
            if (count == used.Length)
            {
                return count;
            }

            if (EnableCalls())
            {
                long left = deadline - Environment.TickCount64;
                if (left <= 0 || Wait(Call, TimeSpan.FromMilliseconds(left)) == 0)
                {
                    // A device that forgets to interrupt is not hidden: what it used meanwhile stays uncollected.
                    return count;
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Kick.Dispose();
        Call.Dispose();
        Error.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The kernel's vring_need_event: whether the event index lies among those passed since the last decision.</summary>
    private protected static bool NeedEvent(ushort eventIndex, ushort newIndex, ushort oldIndex) =>
        (ushort)(newIndex - eventIndex - 1) < (ushort)(newIndex - oldIndex);

    private protected void Violation(string what) => throw new RingViolationException($"ring {Index}: {what}");

    private static ulong Wait(FileDescriptor notifier, TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        Span<pollfd> fds = [new pollfd { fd = notifier.Value, events = POLLIN }];
        while (true)
        {
            int ready = poll(fds, (int)Math.Clamp(deadline - Environment.TickCount64, 0, int.MaxValue));
            if (ready > 0)
            {
                return read(notifier.Value, out ulong value) == sizeof(ulong) ? value : 0;
            }

            if (ready == 0 || Errno.Last.Value is not (EINTR or EAGAIN))
            {
                return 0;
            }
        }
    }
}
