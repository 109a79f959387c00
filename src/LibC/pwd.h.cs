using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>struct passwd: an entry of the user database.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct passwd
{
    /// <summary>User name.</summary>
    public byte* pw_name;

    /// <summary>Hashed password.</summary>
    public byte* pw_passwd;

    /// <summary>User id.</summary>
    public uint pw_uid;

    /// <summary>Group id.</summary>
    public uint pw_gid;

    /// <summary>Real name.</summary>
    public byte* pw_gecos;

    /// <summary>Home directory.</summary>
    public byte* pw_dir;

    /// <summary>Shell.</summary>
    public byte* pw_shell;
}

/// <content>pwd.h</content>
public static unsafe partial class LibC
{
    /// <summary>Looks a user up by name. Returns an error number; not found is 0 with a null result.</summary>
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int getpwnam_r(string name, passwd* pwd, byte* buf, nuint buflen, passwd** result);

    /// <summary>The id of a user, or null when the user database has no such name.</summary>
    public static uint? getpwnam_uid(string name)
    {
        passwd entry;
        passwd* found = null;
        const int BufferSize = 16384;
        byte* buffer = stackalloc byte[BufferSize];
        return getpwnam_r(name, &entry, buffer, BufferSize, &found) == 0 && found is not null ? found->pw_uid : null;
    }
}
