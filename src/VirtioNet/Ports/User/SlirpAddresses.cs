using System.Net;
using VhostNet.VirtioNet.Errors;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.User;

/// <summary>The addresses of a user network, checked and completed; IPv4 ones as they lie in memory in network order.</summary>
internal sealed record SlirpAddresses
{
    private const int MtuMin = 576;
    private const int MtuMax = 65521;
    private const int QuotaMin = 16;
    private const int QuotaMax = 65536;
    private const int RateMax = 1_000_000;

    public required uint Network { get; init; }

    public required uint Mask { get; init; }

    public required uint Host { get; init; }

    public required uint Dns { get; init; }

    public required uint DhcpStart { get; init; }

    public required IPAddress Prefix6 { get; init; }

    public required IPAddress Host6 { get; init; }

    public required IPAddress Dns6 { get; init; }

    public required bool IsIPv4Off { get; init; }

    public required bool IsIPv6Off { get; init; }

    /// <summary>Checks the options.</summary>
    /// <exception cref="PortException">They contradict each other.</exception>
    public static SlirpAddresses From(UserOptions options)
    {
        if (!options.IPv4 && !options.IPv6)
        {
            throw new PortOptionsException("user networking: IPv4 and IPv6 are both switched off; leave one of them on");
        }

        CheckQuota("flows", options.FlowsMax, QuotaMin, QuotaMax);
        CheckQuota("sockets", options.SocketsMax, QuotaMin, QuotaMax);
        CheckQuota("flowsPerSecond", options.FlowsPerSecond, 1, RateMax);
        if (options.Mtu is < MtuMin or > MtuMax)
        {
            throw new PortOptionsException($"user networking: MTU {options.Mtu} is not between {MtuMin} and {MtuMax}");
        }

        if (options.Network.IsIPv6 || options.Network.PrefixLength > 28)
        {
            throw new PortOptionsException($"user networking: network {options.Network} must be an IPv4 network with a prefix of at most 28 bits, as in 10.0.2.0/24");
        }

        if (!options.Network6.IsIPv6 || options.Network6.PrefixLength is < 1 or > 126)
        {
            throw new PortOptionsException($"user networking: IPv6 network {options.Network6} must be an IPv6 network, as in fec0::/64");
        }

        uint mask = options.Network.PrefixLength == 0 ? 0 : uint.MaxValue << (32 - options.Network.PrefixLength);
        uint network = WireAddress.ToNumber(options.Network.Address) & mask;
        byte[] prefix = options.Network6.Address.GetAddressBytes();
        return new SlirpAddresses
        {
            Network = WireAddress.ToNetworkOrder(network),
            Mask = WireAddress.ToNetworkOrder(mask),
            Host = Inside("host", options.Host, 2),
            Dns = Inside("dns", options.Dns, 3),
            DhcpStart = Inside("dhcpstart", options.DhcpStart, 15),
            Prefix6 = options.Network6.Address,
            Host6 = new IPAddress([.. prefix[..15], (byte)(prefix[15] | 2)]),
            Dns6 = new IPAddress([.. prefix[..15], (byte)(prefix[15] | 3)]),
            IsIPv4Off = !options.IPv4,
            IsIPv6Off = !options.IPv6,
        };

        uint Inside(string what, IPAddress? address, uint number)
        {
            uint value = address is null ? network + number : WireAddress.ToNumber(address);
            return (value & mask) == network
                ? WireAddress.ToNetworkOrder(value)
                : throw new PortOptionsException($"user networking: {what}={address} lies outside the network {options.Network}");
        }
    }

    private static void CheckQuota(string name, int value, int min, int max)
    {
        if (value < min || value > max)
        {
            throw new PortOptionsException($"user networking: quota {name}={value} is not between {min} and {max}");
        }
    }
}
