using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Frontend;

/// <content>The log as words.</content>
public sealed partial class MigrationLog
{
    // SAFETY: the mapping starts at a page and its length is a multiple of eight.
    private Span<ulong> Words() => MemoryMarshal.Cast<byte, ulong>(Bytes);
}
