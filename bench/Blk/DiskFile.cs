using System.Runtime.InteropServices;

namespace VhostNet.BlkBench;

/// <summary>A file each of whose blocks begins with its own number, so that a reader sees that it got what it asked for.</summary>
internal static class DiskFile
{
    public const int BlockSize = 4096;
    public const long Size = 256 << 20;
    public const int Blocks = (int)(Size / BlockSize);

    public static void Write(string path)
    {
        using FileStream file = File.Create(path);
        byte[] block = new byte[BlockSize];
        for (long i = 0; i < Blocks; i++)
        {
            MemoryMarshal.Write(block, in i);
            file.Write(block);
        }
    }
}
