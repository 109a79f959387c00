namespace VhostNet.LibC;

/// <content>sys/ioctl.h</content>
public static unsafe partial class LibC
{
    /// <summary>How many bytes can be read, as an int.</summary>
    public static uint FIONREAD => unchecked((uint)Base.FIONREAD);

    /// <summary>A device's own command.</summary>
    public static int ioctl(int fd, nuint request, void* arg) => Base.ioctl(fd, unchecked((int)(uint)request), arg);

    /// <summary>A command whose argument is a number.</summary>
    public static int ioctl(int fd, nuint request, nint arg) => ioctl(fd, request, (void*)arg);

    /// <summary>A command whose argument is a structure.</summary>
    public static int ioctl<T>(int fd, nuint request, ref T arg)
        where T : unmanaged
    {
        fixed (T* p = &arg)
        {
            return ioctl(fd, request, p);
        }
    }
}
