using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Virtqueues;

/// <summary>
/// A piece of guest memory that was checked against the memory table: valid until the burst that it belongs to is completed. Laid out as struct iovec
/// (sys/uio.h) on a little-endian machine, so that an array of them can be given to readv and writev as it is.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
public struct GuestSegment
{
    /// <summary>Where the piece is mapped; only *.Unsafe.cs files follow it.</summary>
    public nint Address;

    /// <summary>Length in bytes.</summary>
    public uint Length;

    private readonly uint _lengthHigh;

    /// <summary>Creates a segment.</summary>
    public GuestSegment(nint address, uint length)
    {
        Address = address;
        Length = length;
    }
}
