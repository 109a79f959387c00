using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Backend;

/// <summary>
/// What a device gives to a vhost-user session: the one seam between the protocol and a kind of device. All calls come from the control thread, one at a
/// time. No member knows Ethernet: a block or sound device implements the same thirteen. docs/libraries/device-contract.md has the order of calls.
/// </summary>
public interface IVhostUserDevice
{
    /// <summary>The virtio features offered to the front end, without VHOST_USER_F_PROTOCOL_FEATURES, which the session adds.</summary>
    ulong Features { get; }

    /// <summary>
    /// The protocol features the device can serve, of those that need its help (RARP, MTU, CONFIG, DEVICE_STATE, MQ); the session adds its own.
    /// </summary>
    ulong ProtocolFeatures { get; }

    /// <summary>How many rings the device has at most.</summary>
    int QueueCountMax { get; }

    /// <summary>What GET_QUEUE_NUM answers: for a net device the number of queue pairs, as QEMU and DPDK expect.</summary>
    int QueueNumAnswer { get; }

    /// <summary>
    /// The front end acknowledged these features. Called before any queue starts and again whenever they change (LOG_ALL may change under traffic).
    /// </summary>
    void FeaturesNegotiated(ulong features);

    /// <summary>A ring started: work on it from here on, on a thread of the device's choice. Look at it once without waiting for a kick.</summary>
    void StartQueue(Virtqueue queue);

    /// <summary>A ring stops: when this returns, no thread of the device uses it.</summary>
    void StopQueue(Virtqueue queue);

    /// <summary>A running ring's <see cref="Virtqueue.Enabled"/>, memory or IOTLB changed: look at it again.</summary>
    void QueueChanged(Virtqueue queue);

    /// <summary>A request about the device as a whole that only some devices serve.</summary>
    /// <returns>False when the device refuses it, which NACKs the message.</returns>
    bool Handle(in DeviceRequest request);

    /// <summary>
    /// Reads device configuration space (GET_CONFIG); false when the range is outside it. Fields of several bytes are little-endian, but for a legacy guest
    /// that said otherwise (SET_VRING_ENDIAN; virtio 1.3 section 2.5.3): <paramref name="bigEndian"/>.
    /// </summary>
    bool ReadConfig(uint offset, Span<byte> destination, bool bigEndian);

    /// <summary>
    /// Writes device configuration space (SET_CONFIG); false when a field there is not writable. <paramref name="migration"/>: restored by a migration.
    /// </summary>
    bool WriteConfig(uint offset, ReadOnlySpan<byte> source, bool migration);

    /// <summary>The device's own state as bytes (SET_DEVICE_STATE_FD, direction save). All rings are stopped.</summary>
    byte[] SaveState();

    /// <summary>Takes over state saved by <see cref="SaveState"/>, perhaps by another version; false when it can't be understood.</summary>
    bool LoadState(ReadOnlySpan<byte> state);
}
