using System.Runtime.InteropServices;

namespace VhostNet.VhostUser.Protocol;

/// <summary>The 12 bytes that every message begins with ("Message Specification", "Header"); host byte order.</summary>
/// <param name="Request">Number of the request; a <see cref="RequestCode"/> or a <see cref="BackendRequestCode"/>.</param>
/// <param name="Flags">Version and flags, see the constants here.</param>
/// <param name="PayloadSize">Bytes that follow the header.</param>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
internal readonly record struct MessageHeader(uint Request, uint Flags, uint PayloadSize)
{
    /// <summary>Bytes of a header.</summary>
    public const int Size = 12;

    /// <summary>Longest payload taken from a peer; the specification names none, this is what other implementations accept.</summary>
    public const int PayloadSizeMax = 4096;

    /// <summary>The only protocol version, in bits 0 and 1.</summary>
    public const uint Version = 1;

    /// <summary>Where the version stands.</summary>
    public const uint VersionMask = 3;

    /// <summary>Set on every reply.</summary>
    public const uint ReplyFlag = 1 << 2;

    /// <summary>The sender wants a reply to a message that has none by itself; valid once REPLY_ACK is negotiated.</summary>
    public const uint NeedReplyFlag = 1 << 3;

    /// <summary>The flags of a reply: QEMU compares the whole word, so need_reply has to be clear.</summary>
    public const uint ReplyFlags = Version | ReplyFlag;

    /// <summary>Whether this is a reply.</summary>
    public bool IsReply => (Flags & ReplyFlag) != 0;

    /// <summary>Whether an acknowledgement is asked for.</summary>
    public bool NeedReply => (Flags & NeedReplyFlag) != 0;

    /// <summary>Makes the header of a reply.</summary>
    public static MessageHeader Reply(uint request, int payloadSize) => new(request, ReplyFlags, (uint)payloadSize);

    /// <summary>Makes the header of a request.</summary>
    public static MessageHeader ForRequest(uint request, int payloadSize, bool needReply = false) =>
        new(request, Version | (needReply ? NeedReplyFlag : 0), (uint)payloadSize);
}
