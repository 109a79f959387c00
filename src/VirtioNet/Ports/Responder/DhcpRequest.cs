using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Ports.Responder;

/// <summary>What matters of a DHCPv4 request (RFC 2131 section 2).</summary>
/// <param name="Type">Option 53: the message type; 0 when it is missing.</param>
/// <param name="Requested">Option 50: the address that the client would like, or 0.</param>
/// <param name="Server">Option 54: the server that the client chose, or 0.</param>
/// <param name="ClientAddress">The address that the client already uses, or 0.</param>
/// <param name="WantsBroadcast">The client can't take unicast frames yet.</param>
internal readonly record struct DhcpRequest(byte Type, uint Requested, uint Server, uint ClientAddress, bool WantsBroadcast)
{
    private const int OptionsStart = 240;
    private const byte Pad = 0;
    private const byte End = 255;

    /// <summary>Reads a message whose fixed part is complete; options that run past its end are left out.</summary>
    public static DhcpRequest Read(ReadOnlySpan<byte> bootp)
    {
        byte type = 0;
        uint requested = 0;
        uint server = 0;
        ReadOnlySpan<byte> options = bootp[OptionsStart..];
        while (options.Length >= 2 && options[0] != End)
        {
            if (options[0] == Pad)
            {
                options = options[1..];
                continue;
            }

            int length = options[1];
            if (length > options.Length - 2)
            {
                break;
            }

            ReadOnlySpan<byte> value = options.Slice(2, length);
            switch (options[0])
            {
                case 50 when length == 4:
                    requested = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
                case 53 when length == 1:
                    type = value[0];
                    break;
                case 54 when length == 4:
                    server = BinaryPrimitives.ReadUInt32BigEndian(value);
                    break;
            }

            options = options[(2 + length)..];
        }

        return new DhcpRequest(type, requested, server, BinaryPrimitives.ReadUInt32BigEndian(bootp[12..]), (bootp[10] & 0x80) != 0);
    }
}
