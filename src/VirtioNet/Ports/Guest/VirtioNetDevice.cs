using System.Buffers.Binary;
using VhostNet.VhostUser.Backend;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Queues;

namespace VhostNet.VirtioNet.Ports.Guest;

/// <summary>
/// A virtio network card (virtio 1.3 section 5.1) as a vhost-user session sees it: offers the features, and gives each started ring to the receive or transmit
/// queue that works on it. Control thread only.
/// </summary>
internal sealed class VirtioNetDevice(VhostUserPort port, VirtioNetOptions options) : IVhostUserDevice
{
    private const int MtuMin = 68;
    private const int DefaultMtu = 1500;

    /// <summary>Format of <see cref="SaveState"/>: a version byte, then the MTU and the acknowledged features.</summary>
    private const byte StateVersion = 1;

    private const int StateSize = 1 + 2 + 8;

    public ulong Features { get; } = OfferedFeatures(options);

    /// <summary>CONFIG only where configuration space says something: QEMU warns about it at every start and never uses it for a network card.</summary>
    public ulong ProtocolFeatures { get; } =
        VhostUser.Protocol.ProtocolFeatures.MQ | VhostUser.Protocol.ProtocolFeatures.RARP | VhostUser.Protocol.ProtocolFeatures.MTU | VhostUser.Protocol.ProtocolFeatures.DEVICE_STATE
        | (options.MacAddress != 0 || options.Mtu is not null ? VhostUser.Protocol.ProtocolFeatures.CONFIG : 0);

    public int QueueCountMax => 2 * options.QueuePairs;

    public int QueueNumAnswer => options.QueuePairs;

    /// <summary>The features that the guest acknowledged.</summary>
    public ulong Acknowledged { get; private set; }

    /// <summary>The guest's MTU in bytes.</summary>
    public int Mtu { get; private set; } = options.Mtu ?? DefaultMtu;

    private int HeaderSize => Has(VirtioFeatures.VERSION_1 | VirtioNetFeatures.MRG_RXBUF) ? VirtioNetHeader.Size : VirtioNetHeader.LegacySize;

    private bool Has(ulong feature) => (Acknowledged & feature) != 0;

    public void FeaturesNegotiated(ulong features)
    {
        Acknowledged = features;
        port.Changed();
    }

    public void StartQueue(Virtqueue queue)
    {
        QueuePair pair = port.Pairs[queue.Index / 2];
        if (queue.Index % 2 == 0)
        {
            pair.Rx.Start(queue, HeaderSize, Has(VirtioNetFeatures.MRG_RXBUF), VirtioNetFeatures.AcceptedByDriver(Acknowledged));
        }
        else
        {
            pair.Tx.Start(queue, HeaderSize);
        }

        try
        {
            port.Changed();
        }
        catch
        {
            Stop(queue);
            throw;
        }
    }

    public void StopQueue(Virtqueue queue)
    {
        Stop(queue);
        port.Changed();
    }

    private void Stop(Virtqueue queue)
    {
        QueuePair pair = port.Pairs[queue.Index / 2];
        if (queue.Index % 2 == 0)
        {
            pair.Rx.Stop();
        }
        else
        {
            pair.Tx.Stop();
        }
    }

    public void QueueChanged(Virtqueue queue)
    {
        QueuePair pair = port.Pairs[queue.Index / 2];
        if (queue.Index % 2 == 0)
        {
            pair.Rx.WakeWaiters();
        }
        else
        {
            pair.Tx.Wake();
        }

        port.Changed();
    }

    public bool Handle(in DeviceRequest request)
    {
        switch (request.Kind)
        {
            case DeviceRequestKind.Announce:
                return port.Announce(request.Value);
            case DeviceRequestKind.SetMtu:
                return TrySetMtu(request.Value);
            case DeviceRequestKind.Connected:
                port.GuestConnected(request.Value);
                return true;
            case DeviceRequestKind.Reset:
            case DeviceRequestKind.Disconnected:
                Acknowledged = 0;
                Mtu = options.Mtu ?? DefaultMtu;
                if (request.Kind == DeviceRequestKind.Disconnected)
                {
                    port.GuestLeft();
                }

                port.Changed();
                return true;
            case DeviceRequestKind.StatusChanged:
                return true;
            default:
                return false;
        }
    }

    public bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian)
    {
        if (offset > VirtioNetConfig.Size || destination.Length > VirtioNetConfig.Size - offset)
        {
            return false;
        }

        Span<byte> config = stackalloc byte[VirtioNetConfig.Size];
        BinaryPrimitives.WriteUInt64LittleEndian(config, options.MacAddress & 0xffff_ffff_ffff);
        ReadOnlySpan<ushort> fields = [VirtioNetConfig.S_LINK_UP, (ushort)options.QueuePairs, (ushort)Mtu];
        for (int i = 0; i < fields.Length; i++)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(config[(6 + (2 * i))..], bigEndian ? BinaryPrimitives.ReverseEndianness(fields[i]) : fields[i]);
        }

        config.Slice((int)offset, destination.Length).CopyTo(destination);
        return true;
    }

    public bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration)
    {
        // Nothing in virtio_net_config is writable for a VERSION_1 driver; a migration restores what the new card would tell anyway.
        Span<byte> current = stackalloc byte[VirtioNetConfig.Size];
        return migration && source.Length <= VirtioNetConfig.Size && ReadConfig(offset, current[..source.Length], bigEndian: false);
    }

    public byte[] SaveState()
    {
        byte[] state = new byte[StateSize];
        state[0] = StateVersion;
        BinaryPrimitives.WriteUInt16LittleEndian(state.AsSpan(1), (ushort)Mtu);
        BinaryPrimitives.WriteUInt64LittleEndian(state.AsSpan(3), Acknowledged);
        return state;
    }

    public bool LoadState(ReadOnlySpan<byte> state) =>
        state.Length >= StateSize && state[0] == StateVersion && TrySetMtu(BinaryPrimitives.ReadUInt16LittleEndian(state[1..]));

    private static ulong OfferedFeatures(VirtioNetOptions options)
    {
        ulong features = VirtioNetFeatures.All & ~(VirtioNetFeatures.OnRequest & ~options.RequestedFeatures) & ~options.DisabledFeatures;
        if (options.QueuePairs == 1)
        {
            features &= ~VirtioNetFeatures.MQ;
        }

        return options.MacAddress != 0 ? features | VirtioNetFeatures.MAC : features;
    }

    private bool TrySetMtu(ulong mtu)
    {
        if (mtu is < MtuMin or > ushort.MaxValue)
        {
            return false;
        }

        Mtu = (int)mtu;
        return true;
    }
}
