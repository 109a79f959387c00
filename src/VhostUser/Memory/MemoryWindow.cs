namespace VhostNet.VhostUser.Memory;

/// <summary>A contiguous piece of an address space that is mapped into this process: addresses [Start, Start + Size) lie at HostBase.</summary>
/// <param name="Start">First address of the window, in the address space it belongs to.</param>
/// <param name="Size">Length in bytes.</param>
/// <param name="HostBase">Where the first byte is mapped in this process.</param>
/// <param name="Writable">False where the front end granted read access only (vhost-user IOTLB permission).</param>
internal readonly record struct MemoryWindow(ulong Start, ulong Size, nint HostBase, bool Writable = true)
{
    /// <summary>Translates a range that must lie wholly inside this window; overflow-safe for any address and length.</summary>
    public bool TryTranslate(ulong address, ulong length, out nint host)
    {
        ulong offset = address - Start;
        if (offset <= Size && length <= Size - offset)
        {
            host = HostBase + (nint)offset;
            return true;
        }

        host = 0;
        return false;
    }
}
