using System.Globalization;

namespace VhostNet.VhostUser.Memory;

/// <summary>
/// Finds out whether the front end maps the memory that it handed over privately: then what the guest writes never arrives here, and its rings look
/// empty for ever. The kernel tells nobody through the descriptor, but /proc shows the front end's mappings to a back end that may look. Control thread.
/// </summary>
internal static class SharingProbe
{
    /// <summary>Whether a process maps a region's file, and only privately. False also when that can't be seen.</summary>
    public static bool IsPrivate(MemoryRegion region, int process)
    {
        if (process <= 0 || statx(region.File.Value, STATX_INO, out statx_t stat) != 0)
        {
            return false;
        }

        string device = string.Create(CultureInfo.InvariantCulture, $"{stat.stx_dev_major:x2}:{stat.stx_dev_minor:x2}");
        string inode = stat.stx_ino.ToString(CultureInfo.InvariantCulture);
        try
        {
            bool found = false;
            foreach (string line in File.ReadLines($"/proc/{process}/maps"))
            {
                // Address range, permissions (the fourth is s or p), offset, device, inode, name.
                string[] fields = line.Split(' ', 6, StringSplitOptions.RemoveEmptyEntries);
                if (fields.Length < 5 || fields[3] != device || fields[4] != inode)
                {
                    continue;
                }

                if (fields[1].EndsWith('s'))
                {
                    return false;
                }

                found = true;
            }

            return found;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }
}
