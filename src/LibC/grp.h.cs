using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>struct group: an entry of the group database.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct group
{
    /// <summary>Group name.</summary>
    public byte* gr_name;

    /// <summary>Hashed password.</summary>
    public byte* gr_passwd;

    /// <summary>Group id.</summary>
    public uint gr_gid;

    /// <summary>Names of the members, closed by a null pointer.</summary>
    public byte** gr_mem;
}

/// <content>grp.h</content>
public static unsafe partial class LibC
{
    /// <summary>Looks a group up by name. Returns an error number; not found is 0 with a null result.</summary>
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getgrnam_r(string name, group* grp, byte* buf, nuint buflen, group** result);

    /// <summary>The id of a group, or null when the group database has no such name.</summary>
    public static uint? getgrnam_gid(string name)
    {
        group entry;
        group* found = null;
        const int BufferSize = 65536;
        byte* buffer = stackalloc byte[BufferSize];
        return getgrnam_r(name, &entry, buffer, BufferSize, &found) == 0 && found is not null ? found->gr_gid : null;
    }
}
