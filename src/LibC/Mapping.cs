using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>Owns a memory mapping and unmaps it once. Whoever uses the address keeps the object alive.</summary>
public sealed class Mapping : SafeHandle
{
    /// <summary>Makes an empty one.</summary>
    public Mapping()
        : base(LibC.MAP_FAILED, ownsHandle: true)
    {
    }

    private Mapping(nint address, nuint length)
        : base(LibC.MAP_FAILED, ownsHandle: true)
    {
        Length = length;
        SetHandle(address);
    }

    /// <inheritdoc/>
    public override bool IsInvalid => handle == LibC.MAP_FAILED;

    /// <summary>First byte; 0 once it is unmapped.</summary>
    public nint Address => IsClosed ? 0 : handle;

    /// <summary>Bytes.</summary>
    public nuint Length { get; }

    /// <summary>Maps part of a file, or anonymous memory with descriptor -1 and MAP_ANONYMOUS.</summary>
    /// <param name="fd">Descriptor; it may be closed afterwards.</param>
    /// <param name="offset">First byte in the file, a multiple of its page size.</param>
    /// <param name="length">Bytes.</param>
    /// <param name="prot">PROT_ flags.</param>
    /// <param name="flags">MAP_ flags.</param>
    /// <exception cref="ErrnoException">mmap failed.</exception>
    public static Mapping Map(int fd, long offset, nuint length, int prot, int flags)
    {
        nint address = LibC.mmap(0, length, prot, flags, fd, offset);
        if (address == LibC.MAP_FAILED)
        {
            Errno.Last.Throw($"mmap({length} bytes of fd {fd} at {offset})");
        }

        return new Mapping(address, length);
    }

    /// <summary>The bytes; valid while this object is alive.</summary>
    /// <exception cref="OverflowException">The mapping is longer than a span can be.</exception>
    public unsafe Span<byte> AsSpan() => new((void*)Address, checked((int)Length));

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        ForgottenHandles.CountUnless(disposing || IsClosed || IsInvalid);
        base.Dispose(disposing);
    }

    /// <inheritdoc/>
    protected override bool ReleaseHandle() => LibC.munmap(handle, Length) == 0;
}
