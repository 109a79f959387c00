using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VhostNet.VirtioNet.Addresses;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Ports.Buffers;
using VhostNet.VirtioNet.Ports.Packets;

namespace VhostNet.VirtioNet.Ports.Sockets;

/// <summary>
/// Buffers that are filled from a socket that gives a frame by each message, many by one recvmmsg; puts 802.1Q tags back that a packet socket cut out.
/// </summary>
internal sealed unsafe class MessageBuffers : ReceiveBuffers
{
    private const int ControlSize = 64;

    private readonly int _headerSize;

    // SAFETY: arrays of Slots entries each, allocated in the constructor, freed only by Dispose; the messages point at them and at the frames' buffers.
    private readonly mmsghdr* _messages;
    private readonly iovec* _pieces;
    private readonly byte* _control;
    private bool _disposed;

    /// <summary>Creates the buffers.</summary>
    /// <param name="headerSize">Bytes of virtio_net_hdr before each frame: 10, or 0 for none.</param>
    /// <param name="withTags">Whether tags come as auxiliary data.</param>
    public MessageBuffers(int headerSize, bool withTags)
    {
        _headerSize = headerSize;
        _messages = (mmsghdr*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(mmsghdr));
        _pieces = (iovec*)NativeMemory.AllocZeroed(Slots, (nuint)sizeof(iovec));
        _control = withTags ? (byte*)NativeMemory.AllocZeroed(Slots, ControlSize) : null;
        for (int i = 0; i < Slots; i++)
        {
            _pieces[i].iov_base = FrameAddress(i) - headerSize;
            _pieces[i].iov_len = (nuint)(FrameMax + headerSize);
            _messages[i].msg_hdr.msg_iov = _pieces + i;
            _messages[i].msg_hdr.msg_iovlen = 1;
        }
    }

    /// <summary>Fills the empty buffers.</summary>
    /// <param name="fd">The socket.</param>
    /// <param name="counters">Counts messages that are no frames.</param>
    /// <param name="error">What stopped the reading: EAGAIN when nothing is left, 0 when there may be more.</param>
    // SAFETY: as the fields say.
    public void Fill(int fd, ref FrameCounters counters, out int error)
    {
        Begin();
        error = 0;
        for (int i = 0; _control is not null && i < Slots; i++)
        {
            _messages[i].msg_hdr.msg_control = _control + (i * ControlSize);
            _messages[i].msg_hdr.msg_controllen = ControlSize;
        }

        int received = recvmmsg(fd, _messages, Slots, MSG_DONTWAIT, null);
        if (received < 0)
        {
            error = errno == EINTR ? 0 : errno;
            return;
        }

        for (int i = 0; i < received; i++)
        {
            int length = (int)_messages[i].msg_len - _headerSize;
            if (length < WireFormat.EthernetSize || (_messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0)
            {
                counters.Drop(length < WireFormat.EthernetSize ? DropReason.TooShort : DropReason.TooLong);
                continue;
            }

            Take(i, length);
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        base.Dispose(disposing);
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.Free(_messages);
            NativeMemory.Free(_pieces);
            NativeMemory.Free(_control);
        }
    }

    // SAFETY: the frame of length bytes was read to the slot, with the header before it; the tag goes into the room before it, after the header was read.
    private void Take(int slot, int length)
    {
        byte* frame = FrameAddress(slot);
        VirtioNetHeader header = default;
        if (_headerSize > 0)
        {
            Buffer.MemoryCopy(frame - _headerSize, &header, VirtioNetHeader.Size, _headerSize);
        }

        int shift = 0;
        if (_control is not null && TryGetTag(&_messages[slot].msg_hdr, out ushort tpid, out ushort tci))
        {
            shift = WireFormat.VlanTagSize;
            var tagged = new Span<byte>(frame - shift, WireFormat.EthernetSize + shift);
            tagged.Slice(shift, 2 * MacAddress.Size).CopyTo(tagged);
            BinaryPrimitives.WriteUInt16BigEndian(tagged[(2 * MacAddress.Size)..], tpid);
            BinaryPrimitives.WriteUInt16BigEndian(tagged[((2 * MacAddress.Size) + 2)..], tci);
            header.CsumStart += (ushort)((header.Flags & VirtioNetHeader.F_NEEDS_CSUM) != 0 ? shift : 0);
            header.HdrLen += (ushort)(header.GsoType != VirtioNetHeader.GSO_NONE ? shift : 0);
        }

        Accept(slot, header, shift, length + shift);
    }

    // SAFETY: the kernel filled the control buffer and says how much of it; the data of a message are read only when it is long enough.
    private static bool TryGetTag(msghdr* message, out ushort tpid, out ushort tci)
    {
        for (cmsghdr* control = CMSG_FIRSTHDR(message); control is not null; control = CMSG_NXTHDR(message, control))
        {
            if (control->cmsg_level == SOL_PACKET && control->cmsg_type == PACKET_AUXDATA && control->cmsg_len >= CMSG_LEN((nuint)sizeof(tpacket_auxdata)))
            {
                var data = (tpacket_auxdata*)CMSG_DATA(control);
                tci = data->tp_vlan_tci;
                tpid = (data->tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? data->tp_vlan_tpid : WireFormat.TypeVlan;
                return (data->tp_status & TP_STATUS_VLAN_VALID) != 0;
            }
        }

        tpid = tci = 0;
        return false;
    }
}
