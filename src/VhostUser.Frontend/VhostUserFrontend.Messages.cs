using VhostNet.VhostUser.Protocol;

namespace VhostNet.VhostUser.Frontend;

/// <content>One method for each message ("Front-end message types" in the vhost-user specification).</content>
public sealed partial class VhostUserFrontend
{
    /// <summary>GET_FEATURES.</summary>
    public ulong GetFeatures() => AskValue(RequestCode.GET_FEATURES);

    /// <summary>SET_FEATURES.</summary>
    public void SetFeatures(ulong features)
    {
        Tell(RequestCode.SET_FEATURES, features);
        Features = features;
    }

    /// <summary>SET_OWNER.</summary>
    public void SetOwner() => Tell(RequestCode.SET_OWNER);

    /// <summary>RESET_OWNER, deprecated.</summary>
    public void ResetOwner() => Tell(RequestCode.RESET_OWNER);

    /// <summary>GET_PROTOCOL_FEATURES.</summary>
    public ulong GetProtocolFeatures() => AskValue(RequestCode.GET_PROTOCOL_FEATURES);

    /// <summary>SET_PROTOCOL_FEATURES.</summary>
    public void SetProtocolFeatures(ulong features)
    {
        Tell(RequestCode.SET_PROTOCOL_FEATURES, features);
        ProtocolFeatures = features;
    }

    /// <summary>GET_QUEUE_NUM.</summary>
    public ulong GetQueueNum() => AskValue(RequestCode.GET_QUEUE_NUM);

    /// <summary>GET_MAX_MEM_SLOTS.</summary>
    public ulong GetMaxMemSlots() => AskValue(RequestCode.GET_MAX_MEM_SLOTS);

    /// <summary>SET_MEM_TABLE with up to 8 regions, not in the postcopy phase.</summary>
    public void SetMemTable(params IReadOnlyList<GuestRegion> regions)
    {
        (byte[] payload, int[] files) = MemoryTablePayload(regions);
        Tell(RequestCode.SET_MEM_TABLE, payload, files);
    }

    /// <summary>
    /// SET_MEM_TABLE while postcopy listens: the back end tells where it mapped each region, and goes on when this side has said that it heard.
    /// </summary>
    /// <returns>The back end's base address of each region.</returns>
    public IReadOnlyList<ulong> SetMemTablePostcopy(params IReadOnlyList<GuestRegion> regions)
    {
        (byte[] payload, int[] files) = MemoryTablePayload(regions);
        lock (_gate)
        {
            SendRequest(RequestCode.SET_MEM_TABLE, payload, false, files);
            using ReceivedMessage reply = ReceiveReply(RequestCode.SET_MEM_TABLE);
            CheckSize(RequestCode.SET_MEM_TABLE, reply, payload.Length);
            var bases = new ulong[regions.Count];
            for (int i = 0; i < bases.Length; i++)
            {
                bases[i] = Wire.Read<MemoryRegionPayload>(reply.Payload.AsSpan(MemoryRegionPayload.PrefixSize + i * MemoryRegionPayload.Size)).UserAddress;
            }

            SendRequest(RequestCode.SET_MEM_TABLE, stackalloc byte[sizeof(ulong)], false, default);
            return bases;
        }
    }

    /// <summary>ADD_MEM_REG.</summary>
    public void AddMemReg(GuestRegion region)
    {
        ArgumentNullException.ThrowIfNull(region);
        Tell(RequestCode.ADD_MEM_REG, SingleRegionPayload(region), region.File.Value);
    }

    /// <summary>REM_MEM_REG.</summary>
    public void RemMemReg(GuestRegion region)
    {
        ArgumentNullException.ThrowIfNull(region);
        Tell(RequestCode.REM_MEM_REG, SingleRegionPayload(region));
    }

    /// <summary>SET_LOG_BASE; without LOG_SHMFD there is no answer.</summary>
    public void SetLogBase(MigrationLog log)
    {
        ArgumentNullException.ThrowIfNull(log);
        var payload = new LogPayload(log.Size, 0);
        if ((ProtocolFeatures & Protocol.ProtocolFeatures.LOG_SHMFD) == 0)
        {
            Tell(RequestCode.SET_LOG_BASE, payload, log.File.Value);
            return;
        }

        // Back ends answer with a u64 or with the log description; front ends look at the request number alone.
        Ask(RequestCode.SET_LOG_BASE, payload, log.File.Value).Dispose();
    }

    /// <summary>SET_LOG_FD.</summary>
    public void SetLogFd(FileDescriptor notifier)
    {
        ArgumentNullException.ThrowIfNull(notifier);
        Tell(RequestCode.SET_LOG_FD, [], notifier.Value);
    }

    /// <summary>SET_VRING_NUM.</summary>
    public void SetVringNum(int index, uint size) => Tell(RequestCode.SET_VRING_NUM, new VringState((uint)index, size));

    /// <summary>SET_VRING_ADDR.</summary>
    public void SetVringAddr(in VringAddress address) => Tell(RequestCode.SET_VRING_ADDR, address);

    /// <summary>SET_VRING_BASE.</summary>
    public void SetVringBase(int index, uint position) => Tell(RequestCode.SET_VRING_BASE, new VringState((uint)index, position));

    /// <summary>GET_VRING_BASE: stops the ring.</summary>
    /// <returns>Its position.</returns>
    public uint GetVringBase(int index) => AskBase(RequestCode.GET_VRING_BASE, index);

    /// <summary>GET_VRING_BASE_SKIP_DRAIN: stops the ring and leaves what is in flight in the inflight area.</summary>
    public uint GetVringBaseSkipDrain(int index) => AskBase(RequestCode.GET_VRING_BASE_SKIP_DRAIN, index);

    /// <summary>SET_VRING_KICK: starts the ring; null lets the back end poll.</summary>
    public void SetVringKick(int index, FileDescriptor? notifier) => TellFile(RequestCode.SET_VRING_KICK, index, notifier);

    /// <summary>SET_VRING_CALL; null when this side polls.</summary>
    public void SetVringCall(int index, FileDescriptor? notifier) => TellFile(RequestCode.SET_VRING_CALL, index, notifier);

    /// <summary>SET_VRING_ERR.</summary>
    public void SetVringErr(int index, FileDescriptor? notifier) => TellFile(RequestCode.SET_VRING_ERR, index, notifier);

    /// <summary>SET_VRING_ENABLE.</summary>
    public void SetVringEnable(int index, bool enabled) => Tell(RequestCode.SET_VRING_ENABLE, new VringState((uint)index, enabled ? 1u : 0));

    /// <summary>SET_VRING_ENDIAN.</summary>
    public void SetVringEndian(int index, bool bigEndian) => Tell(RequestCode.SET_VRING_ENDIAN, new VringState((uint)index, bigEndian ? 1u : 0));

    /// <summary>SEND_RARP with a MAC address in the first six bytes of the number.</summary>
    public void SendRarp(ulong mac) => Tell(RequestCode.SEND_RARP, mac);

    /// <summary>NET_SET_MTU.</summary>
    public void SetMtu(ulong mtu) => Tell(RequestCode.NET_SET_MTU, mtu);

    /// <summary>SET_BACKEND_REQ_FD with a socket of the caller's.</summary>
    public void SetBackendReqFd(FileDescriptor socket)
    {
        ArgumentNullException.ThrowIfNull(socket);
        Tell(RequestCode.SET_BACKEND_REQ_FD, [], socket.Value);
    }

    /// <summary>IOTLB_MSG.</summary>
    /// <returns>The back end's result; 0 when it took the message.</returns>
    public ulong Iotlb(in IotlbPayload message) => AskValue(RequestCode.IOTLB_MSG, message);

    /// <summary>GET_CONFIG.</summary>
    /// <exception cref="VhostUserFrontendException">The back end refused, with an empty answer.</exception>
    public byte[] GetConfig(uint offset, int length)
    {
        byte[] payload = new byte[ConfigHeader.Size + length];
        Wire.Write(payload, new ConfigHeader(offset, (uint)length, 0));
        using ReceivedMessage reply = Ask(RequestCode.GET_CONFIG, payload);
        if (reply.Payload.Length == 0)
        {
            throw new VhostUserFrontendException(FrontendError.Refused, $"the back end refused GET_CONFIG of {length} bytes at {offset}");
        }

        CheckSize(RequestCode.GET_CONFIG, reply, payload.Length);
        return reply.Payload[ConfigHeader.Size..];
    }

    /// <summary>SET_CONFIG.</summary>
    public void SetConfig(uint offset, ReadOnlySpan<byte> bytes, bool migration = false)
    {
        byte[] payload = new byte[ConfigHeader.Size + bytes.Length];
        Wire.Write(payload, new ConfigHeader(offset, (uint)bytes.Length, migration ? ConfigHeader.MigrationFlag : 0));
        bytes.CopyTo(payload.AsSpan(ConfigHeader.Size));
        Tell(RequestCode.SET_CONFIG, payload);
    }

    /// <summary>POSTCOPY_ADVISE.</summary>
    /// <returns>The back end's userfaultfd.</returns>
    public FileDescriptor PostcopyAdvise()
    {
        using ReceivedMessage reply = Ask(RequestCode.POSTCOPY_ADVISE);
        return reply.TakeFile() ?? throw new VhostUserFrontendException(FrontendError.BadReply, "the answer to POSTCOPY_ADVISE brought no userfaultfd");
    }

    /// <summary>POSTCOPY_LISTEN.</summary>
    public void PostcopyListen() => Tell(RequestCode.POSTCOPY_LISTEN);

    /// <summary>POSTCOPY_END.</summary>
    public void PostcopyEnd() => CheckResult(RequestCode.POSTCOPY_END, AskValue(RequestCode.POSTCOPY_END));

    /// <summary>GET_INFLIGHT_FD.</summary>
    public InflightHandle GetInflight(int queueCount, int queueSize)
    {
        using ReceivedMessage reply = Ask(RequestCode.GET_INFLIGHT_FD, new InflightPayload(0, 0, (ushort)queueCount, (ushort)queueSize));
        FileDescriptor file = reply.TakeFile() ?? throw new VhostUserFrontendException(FrontendError.BadReply, "the answer to GET_INFLIGHT_FD brought no descriptor");
        return new InflightHandle(Wire.Read<InflightPayload>(reply.Payload), file);
    }

    /// <summary>SET_INFLIGHT_FD.</summary>
    public void SetInflight(InflightHandle area)
    {
        ArgumentNullException.ThrowIfNull(area);
        Tell(RequestCode.SET_INFLIGHT_FD, area.Description, area.File.Value);
    }

    /// <summary>RESET_DEVICE.</summary>
    public void ResetDevice() => Tell(RequestCode.RESET_DEVICE);

    /// <summary>VRING_KICK, the in-band kick.</summary>
    public void VringKick(int index) => Tell(RequestCode.VRING_KICK, new VringState((uint)index, 0));

    /// <summary>SET_STATUS.</summary>
    public void SetStatus(byte status) => Tell(RequestCode.SET_STATUS, (ulong)status);

    /// <summary>GET_STATUS.</summary>
    public byte GetStatus() => (byte)AskValue(RequestCode.GET_STATUS);

    /// <summary>SET_DEVICE_STATE_FD with this side's end of the transfer.</summary>
    /// <returns>The back end's own descriptor when it wants that to be used instead, null when it uses ours.</returns>
    public FileDescriptor? SetDeviceStateFd(uint direction, FileDescriptor file)
    {
        ArgumentNullException.ThrowIfNull(file);
        using ReceivedMessage reply = Ask(RequestCode.SET_DEVICE_STATE_FD, new DeviceStatePayload(direction, DeviceStatePayload.Stopped), file.Value);
        CheckSize(RequestCode.SET_DEVICE_STATE_FD, reply, sizeof(ulong));
        CheckResult(RequestCode.SET_DEVICE_STATE_FD, reply.Value & 0xff);
        FileDescriptor? own = reply.TakeFile();
        if ((reply.Value & VringFdPayload.NoFdFlag) == 0 != own is not null)
        {
            own?.Dispose();
            throw new VhostUserFrontendException(FrontendError.BadReply, $"the answer to SET_DEVICE_STATE_FD is 0x{reply.Value:x}, which does not agree with its descriptor");
        }

        return own;
    }

    /// <summary>CHECK_DEVICE_STATE.</summary>
    public void CheckDeviceState() => CheckResult(RequestCode.CHECK_DEVICE_STATE, AskValue(RequestCode.CHECK_DEVICE_STATE));

    private (byte[] Payload, int[] Files) MemoryTablePayload(IReadOnlyList<GuestRegion> regions)
    {
        ArgumentNullException.ThrowIfNull(regions);
        byte[] payload = new byte[MemoryRegionPayload.PrefixSize + regions.Count * MemoryRegionPayload.Size];
        Wire.Write(payload, (ulong)regions.Count);
        for (int i = 0; i < regions.Count; i++)
        {
            Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize + i * MemoryRegionPayload.Size), Describe(regions[i]));
        }

        return (payload, [.. regions.Select(r => r.File.Value)]);
    }

    private byte[] SingleRegionPayload(GuestRegion region)
    {
        byte[] payload = new byte[MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size];
        Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize), Describe(region));
        return payload;
    }

    /// <summary>With GPA_ADDRESSES the user addresses are the guest's.</summary>
    private MemoryRegionPayload Describe(GuestRegion region)
    {
        Memory.MemoryRegionDescription d = region.Description;
        bool guestAddresses = (ProtocolFeatures & Protocol.ProtocolFeatures.GPA_ADDRESSES) != 0;
        return new MemoryRegionPayload(d.GuestAddress, d.Size, guestAddresses ? d.GuestAddress : d.UserAddress, d.MmapOffset);
    }

    private uint AskBase(RequestCode request, int index)
    {
        using ReceivedMessage reply = Ask(request, new VringState((uint)index, 0));
        CheckSize(request, reply, VringState.Size);
        VringState state = Wire.Read<VringState>(reply.Payload);
        return state.Index == (uint)index
            ? state.Num
            : throw new VhostUserFrontendException(FrontendError.BadReply, $"{request} of ring {index} was answered for ring {state.Index}");
    }

    private void TellFile(RequestCode request, int index, FileDescriptor? notifier)
    {
        ulong payload = (ulong)index & VringFdPayload.IndexMask;
        if (notifier is null)
        {
            Tell(request, payload | VringFdPayload.NoFdFlag);
        }
        else
        {
            Tell(request, payload, notifier.Value);
        }
    }
}
