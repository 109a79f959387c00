using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;
using static VhostNet.VhostUser.Protocol.RequestCode;

namespace VhostNet.Fuzz;

/// <summary>Makes messages that are nearly right: a payload of the request's own structure with numbers that fit or don't, and now and then a wrong shape.</summary>
internal sealed class MessageGenerator(Random random, GuestMemory memory, IReadOnlyList<EchoRings> rings, FileZoo files)
{
    private static readonly RequestCode[] s_all = [.. MessageTable.Rows.Select(r => r.Code)];

    private static readonly RequestCode[] s_ring =
    [
        SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE, SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, SET_VRING_ENABLE, SET_MEM_TABLE, ADD_MEM_REG, REM_MEM_REG,
        SET_FEATURES, SET_LOG_BASE,
    ];

    private readonly List<int> _files = [];

    /// <summary>Sends one message, whole or in pieces.</summary>
    public void Send(VhostUserFrontend frontend)
    {
        _files.Clear();
        uint code = random.OneIn(200) ? (uint)random.Any() : (uint)Choose(frontend);
        byte[] payload = Payload((RequestCode)code, frontend);
        if (random.OneIn(100))
        {
            Array.Resize(ref payload, random.Next(random.Pick(8, 64, 300, 5000)));
        }

        if (random.OneIn(100))
        {
            _files.Clear();
        }

        for (int surplus = random.OneIn(100) ? random.Next(1, 9) : 0; surplus > 0; surplus--)
        {
            _files.Add(files.Any());
        }

        uint flags = random.OneIn(200) ? (uint)random.Any() : MessageHeader.Version | (random.OneIn(8) ? 0 : MessageHeader.NeedReplyFlag);
        uint size = random.OneIn(200) ? (uint)random.Any() : (uint)payload.Length;
        byte[] bytes = new byte[MessageHeader.Size + payload.Length];
        Wire.Write(bytes, new MessageHeader(code, flags, size));
        payload.CopyTo(bytes, MessageHeader.Size);
        Transmit(frontend, bytes);
    }

    /// <summary>Mostly a message that was negotiated: a refusal without acknowledgement ends the session, and with it what could be found later.</summary>
    private RequestCode Choose(VhostUserFrontend frontend)
    {
        RequestCode code = random.OneIn(2) ? random.Pick<RequestCode>(s_ring) : random.Pick<RequestCode>(s_all);
        MessageSpec row = MessageTable.Find((uint)code)!;
        bool possible = row.IsServed && (row.NeedsProtocol & ~frontend.ProtocolFeatures) == 0 && (row.NeedsVirtio & ~frontend.Features) == 0;
        return possible || random.OneIn(50) ? code : Choose(frontend);
    }

    private void Transmit(VhostUserFrontend frontend, byte[] bytes)
    {
        int[] attached = [.. _files];
        if (!random.OneIn(20))
        {
            frontend.SendRaw(bytes, attached);
            return;
        }

        int cut = random.Next(1, bytes.Length);
        frontend.SendRaw(bytes.AsSpan(0, cut), attached);
        if (!random.OneIn(4))
        {
            // Descriptors with the later bytes are against the rules; they must not be lost either.
            frontend.SendRaw(bytes.AsSpan(cut), random.OneIn(4) ? [files.Any()] : []);
        }
    }

    private byte[] Payload(RequestCode code, VhostUserFrontend frontend)
    {
        switch (code)
        {
            case SET_FEATURES:
                return Bytes(random.OneIn(8) ? random.Any() : frontend.Features ^ (random.OneIn(2) ? 1UL << 26 : 0) ^ (random.OneIn(8) ? 1UL << random.Next(42) : 0));
            case SET_PROTOCOL_FEATURES:
                return Bytes(random.OneIn(8) ? random.Any() : frontend.ProtocolFeatures ^ (random.OneIn(4) ? 1UL << random.Next(24) : 0));
            case SET_MEM_TABLE:
                return Table();
            case ADD_MEM_REG or REM_MEM_REG:
                return SingleRegion(code == ADD_MEM_REG);
            case SET_LOG_BASE:
                ulong size = random.OneIn(2) ? memory.EndOfMemory / 32768 + 8 : random.Any();
                _files.Add(files.Memfd(random.OneIn(2) ? size : random.Any()));
                return Bytes(new LogPayload(size, random.OneIn(3) ? random.Any() : 0));
            case SET_LOG_FD:
                _files.Add(random.OneIn(2) ? files.Eventfd() : files.Any());
                return [];
            case SET_VRING_NUM:
                return Bytes(new VringState(Ring(), random.OneIn(2) ? 1u << random.Next(16) : (uint)random.Any()));
            case SET_VRING_BASE or GET_VRING_BASE or GET_VRING_BASE_SKIP_DRAIN or VRING_KICK:
                return Bytes(new VringState(Ring(), random.OneIn(3) ? (uint)random.Any() : (uint)random.Next(32)));
            case SET_VRING_ENABLE or SET_VRING_ENDIAN:
                return Bytes(new VringState(Ring(), random.OneIn(10) ? (uint)random.Any() : (uint)random.Next(2)));
            case SET_VRING_ADDR:
                return Bytes(Address());
            case SET_VRING_KICK or SET_VRING_CALL or SET_VRING_ERR:
                return RingFile(code);
            case SET_BACKEND_REQ_FD:
                _files.Add(random.OneIn(5) ? files.Any() : files.Channel(false));
                return [];
            case IOTLB_MSG:
                return Bytes(Iotlb());
            case GET_CONFIG or SET_CONFIG:
                return Config();
            case GET_INFLIGHT_FD or SET_INFLIGHT_FD:
                return Inflight(code == SET_INFLIGHT_FD);
            case SET_DEVICE_STATE_FD:
                _files.Add(random.OneIn(5) ? files.Any() : files.Channel(true));
                return Bytes(new DeviceStatePayload((uint)random.Next(3), random.OneIn(10) ? 1u : 0));
            case SEND_RARP or NET_SET_MTU or SET_STATUS:
                return Bytes(random.Any());
            default:
                MessageSpec? row = MessageTable.Find((uint)code);
                byte[] bytes = new byte[row is null ? random.Next(100) : random.Next(row.PayloadMin, row.PayloadMax + 1)];
                random.NextBytes(bytes);
                return bytes;
        }
    }

    private uint Ring() => random.OneIn(20) ? (uint)random.Any() : (uint)random.Next(4);

    private byte[] Table()
    {
        List<MemoryRegionPayload> regions = [];
        foreach (GuestRegion region in memory.Regions)
        {
            regions.Add(Describe(region));
            _files.Add(random.OneIn(20) ? files.Any() : region.File.Value);
        }

        uint count = random.OneIn(20) ? (uint)random.Any() : (uint)regions.Count;
        byte[] bytes = new byte[MemoryRegionPayload.PrefixSize + (MemoryRegionPayload.Size * regions.Count)];
        Wire.Write(bytes, count);
        for (int i = 0; i < regions.Count; i++)
        {
            Wire.Write(bytes.AsSpan(MemoryRegionPayload.PrefixSize + (MemoryRegionPayload.Size * i)), regions[i]);
        }

        return bytes;
    }

    private byte[] SingleRegion(bool add)
    {
        GuestRegion region = memory.Regions[random.Next(memory.Regions.Count)];
        if (add || random.OneIn(4))
        {
            _files.Add(random.OneIn(10) ? files.Any() : region.File.Value);
        }

        byte[] bytes = new byte[MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size];
        Wire.Write(bytes.AsSpan(MemoryRegionPayload.PrefixSize), Describe(region));
        return bytes;
    }

    private MemoryRegionPayload Describe(GuestRegion region)
    {
        VhostUser.Memory.MemoryRegionDescription d = region.Description;
        var right = new MemoryRegionPayload(d.GuestAddress, d.Size, d.UserAddress, d.MmapOffset);
        return random.Next(12) switch
        {
            0 => right with { GuestAddress = random.Any() },
            1 => right with { RegionSize = random.Any() },
            2 => right with { UserAddress = random.Any() },

            // Never before the region's own start: what lies there is guarded, and has to stay outside of what is shared.
            3 => right with { MmapOffset = Math.Max(random.Any(), d.MmapOffset) },
            4 => right with { RegionSize = d.Size + 4096 },
            5 => right with { RegionSize = d.Size - 1 },
            _ => right,
        };
    }

    private VringAddress Address()
    {
        uint flags = random.OneIn(10) ? (uint)random.Any() : (uint)random.Next(2);
        ulong log = random.OneIn(2) ? memory.Regions[0].GuestAddress : random.Any();
        if (rings.Count == 0 || random.OneIn(6))
        {
            return new VringAddress(Ring(), flags, Place(), Place(), Place(), log);
        }

        DriverQueue queue = random.OneIn(2) ? rings[random.Next(rings.Count)].Receive : rings[random.Next(rings.Count)].Transmit;
        var right = new VringAddress(
            (uint)queue.Index, flags, memory.UserAddress(queue.DescriptorAddress), memory.UserAddress(queue.DeviceAddress), memory.UserAddress(queue.DriverAddress), log);
        return random.Next(8) switch
        {
            0 => right with { Descriptor = Place() },
            1 => right with { Used = Place() },
            2 => right with { Available = Place() },
            3 => right with { Descriptor = right.Used, Used = right.Descriptor },
            4 => right with { Index = Ring() },
            _ => right,
        };
    }

    /// <summary>A user address in, at the end of, or outside a region.</summary>
    private ulong Place()
    {
        GuestRegion region = memory.Regions[random.Next(memory.Regions.Count)];
        ulong start = region.Description.UserAddress;
        return random.Next(4) switch
        {
            0 => random.Any(),
            1 => start + region.Size - (ulong)random.Next(5000),
            2 => start + (ulong)random.Next((int)region.Size),
            _ => start + ((ulong)random.Next((int)region.Size) & ~0xfffUL),
        };
    }

    private byte[] RingFile(RequestCode code)
    {
        ulong payload = Ring() & 0xff;
        if (random.OneIn(6))
        {
            return Bytes(payload | 0x100);
        }

        if (rings.Count > 0 && random.OneIn(2))
        {
            EchoRings pair = rings[random.Next(rings.Count)];
            DriverQueue queue = random.OneIn(2) ? pair.Receive : pair.Transmit;
            _files.Add(code == SET_VRING_KICK ? queue.Kick.Value : queue.Call.Value);
            return Bytes((ulong)queue.Index);
        }

        _files.Add(random.OneIn(4) ? files.Any() : files.Eventfd());
        return Bytes(random.OneIn(20) ? random.Any() : payload);
    }

    private IotlbPayload Iotlb()
    {
        GuestRegion region = memory.Regions[random.Next(memory.Regions.Count)];
        byte type = (byte)(random.OneIn(10) ? random.Next(256) : random.Next(1, 5));
        byte permission = (byte)(random.OneIn(10) ? random.Next(256) : random.Next(4));
        return random.OneIn(3)
            ? new IotlbPayload(random.Any(), random.Any(), random.Any(), permission, type)
            : new IotlbPayload(region.GuestAddress, random.OneIn(4) ? random.Any() : region.Size, region.Description.UserAddress, permission, type);
    }

    private byte[] Config()
    {
        int length = random.OneIn(10) ? random.Next(300) : random.Next(64);
        byte[] bytes = new byte[ConfigHeader.Size + length];
        random.NextBytes(bytes);
        uint offset = random.OneIn(4) ? (uint)random.Any() : (uint)random.Next(70);
        Wire.Write(bytes, new ConfigHeader(offset, random.OneIn(10) ? (uint)random.Any() : (uint)length, random.OneIn(10) ? (uint)random.Any() : (uint)random.Next(2)));
        return bytes;
    }

    private byte[] Inflight(bool set)
    {
        ushort queues = (ushort)(random.OneIn(4) ? random.Any() : (ulong)random.Next(6)), size = (ushort)(random.OneIn(4) ? random.Any() : 16UL << random.Next(4));
        ulong bytes = random.OneIn(4) ? random.Any() : (ulong)queues * size * 64;
        if (set)
        {
            _files.Add(random.OneIn(4) ? files.Any() : files.Memfd(random.OneIn(2) ? bytes : random.Any()));
        }

        return Bytes(new InflightPayload(bytes, random.OneIn(4) ? random.Any() : 0, queues, size));
    }

    private static byte[] Bytes<T>(T value)
        where T : unmanaged
    {
        Span<byte> bytes = stackalloc byte[64];
        return bytes[..Wire.Write(bytes, value)].ToArray();
    }
}
