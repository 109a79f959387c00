namespace VhostNet.VhostUser.Memory;

/// <summary>
/// A userfaultfd over guest memory ("Postcopy"): the front end holds its other end and supplies a page when a thread of ours touches one that has not arrived.
/// That thread waits meanwhile, inside whatever instruction or system call touched the page. Control thread.
/// </summary>
internal sealed class UserFault : IDisposable
{
    private const ulong CopyIoctl = 1UL << 3;

    private UserFault(FileDescriptor descriptor) => Descriptor = descriptor;

    /// <summary>Whether this process may have one that also covers system calls on guest memory.</summary>
    public static bool IsAvailable { get; } = Probe();

    /// <summary>The userfaultfd.</summary>
    public FileDescriptor Descriptor { get; }

    /// <summary>Opens one.</summary>
    /// <exception cref="ErrnoException">The kernel refuses: it needs CAP_SYS_PTRACE, or vm.unprivileged_userfaultfd = 1.</exception>
    public static UserFault Open()
    {
        var descriptor = FileDescriptor.FromResult(userfaultfd(O_CLOEXEC | O_NONBLOCK), "userfaultfd");
        var api = new uffdio_api { api = UFFD_API };
        if (ioctl(descriptor.Value, UFFDIO_API, ref api) < 0)
        {
            Errno error = Errno.Last;
            descriptor.Dispose();
            error.Throw("UFFDIO_API");
        }

        return new UserFault(descriptor);
    }

    /// <summary>Forgets a region's pages here and registers it, so that touching one asks the front end.</summary>
    /// <exception cref="ErrnoException">The memory can't be registered.</exception>
    public void Register(MemoryRegion region)
    {
        ulong start = (ulong)region.HostBase;
        if (madvise(region.HostBase, (nuint)region.Description.Size, MADV_DONTNEED) < 0)
        {
            Errno.Last.Throw($"madvise of {region.Description.Size} bytes for postcopy");
        }

        var register = new uffdio_register
        {
            range = new uffdio_range { start = start, len = region.Description.Size },
            mode = UFFDIO_REGISTER_MODE_MISSING,
        };
        if (ioctl(Descriptor.Value, UFFDIO_REGISTER, ref register) < 0)
        {
            Errno.Last.Throw($"UFFDIO_REGISTER of {region.Description.Size} bytes");
        }

        if ((register.ioctls & CopyIoctl) == 0)
        {
            throw new GuestMemoryException("the kernel can't copy pages into this kind of guest memory, so postcopy is not possible with it");
        }
    }

    /// <summary>
    /// No page of this memory is asked for any more, and whoever waits for one goes on with a page of zeros: closing the descriptor would do that only if
    /// the front end closed its own as well.
    /// </summary>
    public void Unregister(MemoryTable memory)
    {
        foreach (MemoryRegion region in memory.Regions)
        {
            // Regions that were never registered, or not wholly, are none of its business; the kernel says so or does nothing.
            var range = new uffdio_range { start = (ulong)region.HostBase, len = region.Description.Size };
            _ = ioctl(Descriptor.Value, UFFDIO_UNREGISTER, ref range);
        }
    }

    /// <summary>No page is asked for any more.</summary>
    public void Dispose() => Descriptor.Dispose();

    private static bool Probe()
    {
        try
        {
            using UserFault probe = Open();
            return true;
        }
        catch (ErrnoException)
        {
            return false;
        }
    }
}
