using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>struct SlirpCb of libslirp.h, version 4 (libslirp 4.7): what the library calls, always from within one of our calls to it.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SlirpCb
{
    public delegate* unmanaged[Cdecl]<void*, nuint, void*, nint> send_packet;
    public delegate* unmanaged[Cdecl]<byte*, void*, void> guest_error;
    public delegate* unmanaged[Cdecl]<void*, long> clock_get_ns;
    public void* timer_new;
    public delegate* unmanaged[Cdecl]<void*, void*, void> timer_free;
    public delegate* unmanaged[Cdecl]<void*, long, void*, void> timer_mod;
    public delegate* unmanaged[Cdecl]<int, void*, void> register_poll_fd;
    public delegate* unmanaged[Cdecl]<int, void*, void> unregister_poll_fd;
    public delegate* unmanaged[Cdecl]<void*, void> notify;
    public delegate* unmanaged[Cdecl]<void*, void*, void> init_completed;
    public delegate* unmanaged[Cdecl]<int, void*, void*, void*> timer_new_opaque;
}
