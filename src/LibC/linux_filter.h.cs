using System.Runtime.InteropServices;

namespace VhostNet.LibC;

/// <summary>One instruction of a classic socket filter.</summary>
/// <param name="code">What it does.</param>
/// <param name="k">Its operand.</param>
/// <param name="jt">Instructions skipped when a comparison holds.</param>
/// <param name="jf">Instructions skipped when it does not.</param>
[StructLayout(LayoutKind.Sequential)]
public struct sock_filter(int code, uint k, byte jt = 0, byte jf = 0)
{
    /// <summary>What it does.</summary>
    public ushort code = (ushort)code;

    /// <summary>Instructions skipped when a comparison holds.</summary>
    public byte jt = jt;

    /// <summary>Instructions skipped when it does not.</summary>
    public byte jf = jf;

    /// <summary>Operand.</summary>
    public uint k = k;
}

/// <summary>A classic socket filter: argument of SO_ATTACH_FILTER and of seccomp.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct sock_fprog
{
    /// <summary>Instructions.</summary>
    public ushort len;

    /// <summary>The first of them.</summary>
    public sock_filter* filter;
}

/// <content>linux/filter.h</content>
public static partial class LibC
{
    /// <summary>Loads from the packet.</summary>
    public const int BPF_LD = 0;

    /// <summary>A word.</summary>
    public const int BPF_W = 0;

    /// <summary>A half word.</summary>
    public const int BPF_H = 8;

    /// <summary>At an offset.</summary>
    public const int BPF_ABS = 0x20;

    /// <summary>Jumps.</summary>
    public const int BPF_JMP = 5;

    /// <summary>If equal.</summary>
    public const int BPF_JEQ = 0x10;

    /// <summary>To, or with, the operand.</summary>
    public const int BPF_K = 0;

    /// <summary>Ends with the operand: bytes of the packet that are kept.</summary>
    public const int BPF_RET = 6;

    /// <summary>Offset from the network header.</summary>
    public const int SKF_NET_OFF = -0x100000;
}
