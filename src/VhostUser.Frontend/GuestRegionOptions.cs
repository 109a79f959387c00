namespace VhostNet.VhostUser.Frontend;

/// <summary>How a region of the front end's own guest memory is backed and announced.</summary>
public sealed record GuestRegionOptions
{
    /// <summary>A memfd of ordinary pages, sealed against any change of its size.</summary>
    public static GuestRegionOptions Default { get; } = new();

    /// <summary>Back the region with 2 MiB huge pages (a hugetlbfs memfd); size and file offset must be multiples of that.</summary>
    public bool HugePages { get; init; }

    /// <summary>A directory of a hugetlbfs or tmpfs mount in which the backing file is made (and unlinked) instead of a memfd.</summary>
    public string? Directory { get; init; }

    /// <summary>Whether a memfd is sealed; an unsealed one lets tests see how the back end treats memory that could shrink.</summary>
    public bool Sealed { get; init; } = true;

    /// <summary>Where the region starts in its file, in bytes, a multiple of the page size.</summary>
    public ulong FileOffset { get; init; }

    /// <summary>
    /// The virtual address that the back end is told, or null for the one at which the region is mapped. A front end in the same process had better
    /// announce another one, so that a back end that mixes the two up is caught.
    /// </summary>
    public ulong? UserAddress { get; init; }
}
