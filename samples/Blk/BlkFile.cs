using VhostNet.LibC;
using static VhostNet.LibC.LibC;

namespace Blk;

/// <summary>The file that a disk lies in. Any thread.</summary>
internal sealed unsafe class BlkFile : IDisposable
{
    public const int SectorSize = 512;

    private readonly FileDescriptor _fd;

    /// <exception cref="ErrnoException">The file can't be opened.</exception>
    /// <exception cref="InvalidDataException">It is not a whole number of sectors.</exception>
    public BlkFile(string path)
    {
        _fd = FileDescriptor.FromResult(open(path, O_RDWR | O_CLOEXEC), $"open('{path}')");
        Length = lseek(_fd.Value, 0, SEEK_END);
        if (Length <= 0 || Length % SectorSize != 0)
        {
            _fd.Dispose();
            throw new InvalidDataException($"'{path}' has {Length} bytes; a disk has a whole number of sectors of {SectorSize} bytes, and one at least");
        }
    }

    public long Length { get; }

    /// <summary>Whether a request stays inside the disk.</summary>
    public bool Holds(ulong sector, long bytes) => bytes % SectorSize == 0 && sector <= (ulong)(Length / SectorSize) && bytes <= Length - ((long)sector * SectorSize);

    public bool Read(iovec* pieces, int count, ulong sector, long bytes) => preadv2(_fd.Value, pieces, count, (long)sector * SectorSize, 0) == bytes;

    public bool Write(iovec* pieces, int count, ulong sector, long bytes) => pwritev2(_fd.Value, pieces, count, (long)sector * SectorSize, 0) == bytes;

    /// <summary>Has everything that was written reach the disk.</summary>
    public bool Flush() => fsync(_fd.Value) == 0;

    public void Dispose() => _fd.Dispose();
}
