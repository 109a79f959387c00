using VhostNet.VhostUser.Frontend;

namespace VhostNet.Fuzz;

/// <summary>
/// Guest memory whose files reach further than what is shared: bytes in front of each region, which the back end maps along with it but may not touch. They
/// hold a pattern that is checked in the end.
/// </summary>
internal sealed class GuardedMemory : IDisposable
{
    private const int GuardSize = 16384;
    private const byte Pattern = 0xa5;

    private readonly List<Mapping> _guards = [];

    public GuardedMemory(Random random)
    {
        Memory = new GuestMemory();
        ulong at = random.Pick(0UL, 0x10_0000UL, 0x1_0000_0000UL);
        for (int i = random.Next(1, 5); i >= 0; i--)
        {
            ulong size = i == 0 ? 1UL << 20 : (ulong)random.Next(1, 16) << 12;
            GuestRegion region = Memory.AddRegion(at, size, new GuestRegionOptions { FileOffset = GuardSize, UserAddress = 0x7f00_0000_0000 + (at << 1) });
            Mapping guard = Mapping.Map(region.File.Value, 0, GuardSize, PROT_READ | PROT_WRITE, MAP_SHARED);
            guard.AsSpan().Fill(Pattern);
            _guards.Add(guard);
            at += size + (random.OneIn(2) ? 0 : 0x1_0000UL);
        }
    }

    public GuestMemory Memory { get; }

    /// <exception cref="FuzzException">A guard was written.</exception>
    public void Check()
    {
        foreach (Mapping guard in _guards)
        {
            int at = guard.AsSpan().IndexOfAnyExcept(Pattern);
            if (at >= 0)
            {
                throw new FuzzException($"byte {at} of the file in front of a region was written, which the region does not contain");
            }
        }
    }

    public void Dispose()
    {
        _guards.ForEach(g => g.Dispose());
        Memory.Dispose();
    }
}
