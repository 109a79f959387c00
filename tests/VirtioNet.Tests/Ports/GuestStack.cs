using System.Buffers.Binary;

namespace VhostNet.VirtioNet.Tests.Ports;

/// <summary>As much of a guest's TCP/IP as the tests need: answers ARP, keeps UDP datagrams, one TCP connection at a time.</summary>
internal sealed class GuestStack(CollectorPort port, string address = "10.0.2.15", string gateway = "10.0.2.2")
{
    private byte[] _gatewayMac = Craft.BroadcastMac;
    private int _seen;
    private uint _sendNext = 1000;
    private uint _receiveNext;
    private ushort _localPort;
    private ushort _remotePort;

    public List<byte[]> Pings { get; } = [];

    public List<byte[]> Datagrams { get; } = [];

    public MemoryStream Received { get; } = new();

    public bool IsConnected { get; private set; }

    public bool IsClosed { get; private set; }

    public bool KnowsGateway => _gatewayMac != Craft.BroadcastMac;

    public ushort LocalPort => _localPort;

    public void AskForGateway() =>
        port.Send([Craft.Ethernet(Craft.BroadcastMac, Craft.GuestMac, 0x0806, Craft.Arp(1, Craft.GuestMac, address, new byte[6], gateway))]);

    public void Ping(byte[] data) => SendIp(gateway, 1, Craft.Icmp(8, 0, data));

    public void SendUdp(string to, ushort toPort, byte[] data) => SendIp(to, 17, Craft.Udp(address, to, 5555, toPort, data));

    public void Connect(ushort remotePort)
    {
        (_localPort, _remotePort) = (40001, remotePort);
        SendTcp(0x02, []);
        _sendNext++;
    }

    public void Send(byte[] data)
    {
        SendTcp(0x18, data);
        _sendNext += (uint)data.Length;
    }

    /// <summary>Looks at the frames that came since the last time, and answers them.</summary>
    public void Work()
    {
        while (_seen < port.Frames.Count)
        {
            byte[] frame = port.Frames[_seen++];
            switch (BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(12)))
            {
                case 0x0806 when frame[21] == 1 && frame.AsSpan(38, 4).SequenceEqual(Craft.Ip(address)):
                    port.Send([Craft.Ethernet(frame[6..12], Craft.GuestMac, 0x0806, Craft.Arp(2, Craft.GuestMac, address, frame[6..12], gateway))]);
                    break;
                case 0x0806 when frame[21] == 2:
                    _gatewayMac = frame[6..12];
                    break;
                case 0x0800:
                    Craft.AssertIPv4(frame);
                    HandleIp(frame[14..(14 + BinaryPrimitives.ReadUInt16BigEndian(frame.AsSpan(16)))]);
                    break;
            }
        }
    }

    private void HandleIp(byte[] packet)
    {
        byte[] payload = packet[((packet[0] & 15) * 4)..];
        switch (packet[9])
        {
            case 1:
                Pings.Add(payload);
                break;
            case 17:
                Datagrams.Add(payload[8..]);
                break;
            case 6:
                HandleTcp(payload);
                break;
        }
    }

    private void HandleTcp(byte[] segment)
    {
        ushort from = BinaryPrimitives.ReadUInt16BigEndian(segment);
        ushort to = BinaryPrimitives.ReadUInt16BigEndian(segment.AsSpan(2));
        uint sequence = BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(4));
        byte flags = segment[13];
        byte[] data = segment[((segment[12] >> 4) * 4)..];
        if ((flags & 0x02) != 0)
        {
            (_localPort, _remotePort) = (to, from);
            _receiveNext = sequence + 1;
            bool passive = (flags & 0x10) == 0;
            SendTcp((byte)(passive ? 0x12 : 0x10), []);
            _sendNext += passive ? 1u : 0u;
            IsConnected = true;
            return;
        }

        if (to == _localPort && sequence == _receiveNext && (data.Length > 0 || (flags & 0x01) != 0))
        {
            Received.Write(data);
            _receiveNext += (uint)data.Length + (flags & 1u);
            IsClosed |= (flags & 1) != 0;
        }

        if (data.Length > 0 || (flags & 1) != 0)
        {
            SendTcp(0x10, []);
        }
    }

    private void SendTcp(byte flags, byte[] data)
    {
        byte[] segment = [.. Craft.Word(_localPort), .. Craft.Word(_remotePort), .. new byte[8], 0x50, flags, 0xff, 0xff, 0, 0, 0, 0, .. data];
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(4), _sendNext);
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(8), (flags & 0x10) != 0 ? _receiveNext : 0);
        BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(16), Craft.Checksum([.. Craft.Pseudo(address, gateway, 6, segment.Length), .. segment]));
        SendIp(gateway, 6, segment);
    }

    private void SendIp(string to, byte protocol, byte[] payload) =>
        port.Send([Craft.Ethernet(_gatewayMac, Craft.GuestMac, 0x0800, Craft.IPv4(address, to, protocol, payload))], piece: 700);
}
