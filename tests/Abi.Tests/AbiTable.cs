using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Guest;

namespace VhostNet.Abi.Tests;

/// <summary>Everything that is laid out for the kernel or for another process.</summary>
public static class AbiTable
{
    public static readonly AbiUnit[] Units =
    [
        new("LibC")
        {
            // One file for each header; the kernel's own headers come last, as they step aside for the C library's.
            Headers =
            [
                .. Repository.Files("src/LibC", "*.h.cs").Select(static f => f.Replace(".cs", string.Empty, StringComparison.Ordinal))
                    .OrderBy(static f => f.StartsWith("linux_", StringComparison.Ordinal)).Select(ToHeader),
            ],
            Structs = [.. typeof(LibC.LibC).Assembly.GetExportedTypes().Where(static t => t is { IsValueType: true, IsEnum: false } && char.IsLower(t.Name[0]))],
            Constants =
            [
                // Linux 6.2.
                new(typeof(LibC.LibC)) { NewerThanHeaders = ["TUN_F_USO4", "TUN_F_USO6"] },
                new(typeof(LibC.LibC.x86_64)),
                new(typeof(LibC.LibC.aarch64)),
            ],
        },
        new("virtio")
        {
            Headers = ["linux/virtio_config.h", "linux/virtio_ring.h", "linux/virtio_net.h", "linux/vhost_types.h"],
            Layouts =
            [
                new(typeof(SplitDescriptor), "struct vring_desc", "addr", "len", "flags", "next"),
                new(typeof(UsedElement), "struct vring_used_elem", "id", "len"),
                new(typeof(PackedDescriptor), "struct vring_packed_desc", "addr", "len", "id", "flags"),
                new(
                    typeof(VirtioNetHeader), "struct virtio_net_hdr_mrg_rxbuf", "hdr.flags", "hdr.gso_type", "hdr.hdr_len", "hdr.gso_size", "hdr.csum_start", "hdr.csum_offset", "num_buffers"),
                new(typeof(VirtioNetConfig), "struct virtio_net_config", "mac[0]", "mac[4]", "status", "max_virtqueue_pairs", "mtu") { IsPrefix = true },
            ],
            Constants =
            [
                new(typeof(SplitDescriptor), "VRING_DESC_"),
                new(typeof(PackedDescriptor), "VRING_PACKED_DESC_") { AreBits = true },
                new(typeof(VirtioNetHeader), "VIRTIO_NET_HDR_") { NewerThanHeaders = ["GSO_UDP_L4"] },
                new(typeof(VirtioNetConfig), "VIRTIO_NET_"),
                new(typeof(VirtioNetFeatures), "VIRTIO_NET_F_") { AreBits = true, NewerThanHeaders = ["GUEST_USO4", "GUEST_USO6", "HOST_USO"] },
                new(typeof(VirtioFeatures), "VIRTIO_F_")
                {
                    AreBits = true,
                    Names = new()
                    {
                        ["LOG_ALL"] = "VHOST_F_LOG_ALL",
                        ["PROTOCOL_FEATURES"] = null,
                        ["INDIRECT_DESC"] = "VIRTIO_RING_F_INDIRECT_DESC",
                        ["EVENT_IDX"] = "VIRTIO_RING_F_EVENT_IDX",
                    },

                    // Linux 6.1 and later.
                    NewerThanHeaders = ["IN_ORDER", "NOTIFICATION_DATA", "RING_RESET"],
                },
            ],
        },
        new("vhost-user")
        {
            Headers = ["linux/vhost_types.h"],

            // The specification's structures that no header of the kernel has.
            Declarations = """
                struct vu_header { uint32_t request, flags, size; } __attribute__((packed));
                struct vu_region { uint64_t guest_addr, size, user_addr, mmap_offset; } __attribute__((packed));
                struct vu_log { uint64_t log_size, log_offset; } __attribute__((packed));
                struct vu_config { uint32_t offset, size, flags; } __attribute__((packed));
                struct vu_inflight { uint64_t mmap_size, mmap_offset; uint16_t num_queues, queue_size; };
                struct vu_device_state { uint32_t direction, phase; } __attribute__((packed));
                """,
            Layouts =
            [
                new(typeof(MessageHeader), "struct vu_header", "request", "flags", "size"),
                new(typeof(MemoryRegionPayload), "struct vu_region", "guest_addr", "size", "user_addr", "mmap_offset"),
                new(typeof(LogPayload), "struct vu_log", "log_size", "log_offset"),
                new(typeof(ConfigHeader), "struct vu_config", "offset", "size", "flags"),
                new(typeof(InflightPayload), "struct vu_inflight", "mmap_size", "mmap_offset", "num_queues", "queue_size"),
                new(typeof(DeviceStatePayload), "struct vu_device_state", "direction", "phase"),
                new(typeof(VringState), "struct vhost_vring_state", "index", "num"),
                new(
                    typeof(VringAddress), "struct vhost_vring_addr", "index", "flags", "desc_user_addr", "used_user_addr", "avail_user_addr", "log_guest_addr"),
                new(typeof(IotlbPayload), "struct vhost_iotlb_msg", "iova", "size", "uaddr", "perm", "type"),
            ],
            Conditions =
            [
                $"VHOST_ACCESS_RO == {IotlbPayload.ReadPermission}",
                $"VHOST_ACCESS_WO == {IotlbPayload.WritePermission}",
                $"VHOST_IOTLB_MISS == {IotlbPayload.Miss}",
                $"VHOST_IOTLB_UPDATE == {IotlbPayload.Update}",
                $"VHOST_IOTLB_INVALIDATE == {IotlbPayload.Invalidate}",
                $"VHOST_IOTLB_ACCESS_FAIL == {IotlbPayload.AccessFail}",
                $"1 << VHOST_VRING_F_LOG == {VringAddress.LogFlag}",
            ],
        },
    ];

    private static string ToHeader(string file)
    {
        int underscore = file.IndexOf('_', StringComparison.Ordinal);
        return underscore < 0 ? file : $"{file[..underscore]}/{file[(underscore + 1)..]}";
    }
}
