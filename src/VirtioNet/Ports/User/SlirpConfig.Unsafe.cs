using System.Runtime.InteropServices;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>struct SlirpConfig of libslirp.h, version 4 (libslirp 4.7). Addresses are in network order.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SlirpConfig
{
    public const uint Version = 4;

    public uint version;
    public int restricted;
    public byte in_enabled;
    public uint vnetwork;
    public uint vnetmask;
    public uint vhost;
    public byte in6_enabled;
    public in6_addr vprefix_addr6;
    public byte vprefix_len;
    public in6_addr vhost6;
    public byte* vhostname;
    public byte* tftp_server_name;
    public byte* tftp_path;
    public byte* bootfile;
    public uint vdhcp_start;
    public uint vnameserver;
    public in6_addr vnameserver6;
    public byte** vdnssearch;
    public byte* vdomainname;
    public nuint if_mtu;
    public nuint if_mru;
    public byte disable_host_loopback;
    public byte enable_emu;
    public void* outbound_addr;
    public void* outbound_addr6;
    public byte disable_dns;
    public byte disable_dhcp;

    /// <summary>struct in6_addr, aligned as in C.</summary>
    [StructLayout(LayoutKind.Sequential)]
    public struct in6_addr
    {
        public fixed uint s6_addr32[4];
    }
}
