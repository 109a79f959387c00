using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Session;
using VhostNet.VhostUser.Backend.State;
using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>Every order of up to four of the messages that change a ring's state, from three beginnings, against <see cref="RingModel"/>.</summary>
public sealed class RingOrderTests
{
    private static readonly RingMessage[] s_messages = Enum.GetValues<RingMessage>();

    public static TheoryData<string> Beginnings => ["fresh", "ready", "running"];

    [Theory]
    [MemberData(nameof(Beginnings))]
    public void EveryOrderOfFourMessagesFollowsTheModel(string beginning) => RunAll(beginning, s_messages, 4);

    private static void RunAll(string beginning, RingMessage[] messages, int length)
    {
        RingMessage[] prefix = beginning switch
        {
            "fresh" => [],
            "ready" => [RingMessage.FeaturesWithBit30, RingMessage.MemoryGood, RingMessage.Num256, RingMessage.AddressInside],
            _ => [RingMessage.FeaturesWithBit30, RingMessage.MemoryGood, RingMessage.Num256, RingMessage.AddressInside, RingMessage.Kick],
        };
        int orders = 0;
        Parallel.ForEach(messages, first =>
        {
            using var bench = new Bench();
            foreach (RingMessage[] rest in Orders(messages, length - 1))
            {
                RingMessage[] order = [.. prefix, first, .. rest];
                string? wrong = bench.Run(order);
                Assert.True(wrong is null, $"from {beginning}: {string.Join(", ", order)}: {wrong}");
                Interlocked.Increment(ref orders);
            }
        });
        Assert.Equal(Math.Pow(messages.Length, length), orders);
    }

    /// <summary>All orders of exactly <paramref name="length"/>; shorter ones are their beginnings, and each step is checked.</summary>
    private static IEnumerable<RingMessage[]> Orders(RingMessage[] messages, int length)
    {
        int[] digits = new int[length];
        while (true)
        {
            yield return [.. digits.Select(d => messages[d])];
            int place = length - 1;
            while (place >= 0 && ++digits[place] == messages.Length)
            {
                digits[place--] = 0;
            }

            if (place < 0)
            {
                yield break;
            }
        }
    }

    /// <summary>Runs one order after the other through new sessions, handing messages to the dispatcher directly.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly AioContext _context = new();
        private readonly GuestMemory _good = new();
        private readonly GuestMemory _elsewhere = new(guestAddress: 1UL << 40);
        private readonly EventNotifier _kick = new();
        private readonly byte[] _replies = new byte[4096];

        public Bench() => _context.BindToCurrentThread();

        public void Dispose()
        {
            _kick.Dispose();
            _good.Dispose();
            _elsewhere.Dispose();
            _context.Dispose();
        }

        public string? Run(RingMessage[] order)
        {
            var model = new RingModel();
            var device = new RecordingDevice { QueueCountMax = 2 };
            Assert.Equal(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, out int ours, out int theirs));
            using var peer = new FileDescriptor(theirs);
            using var session = new VhostUserSession(_context, new FileDescriptor(ours), device, "model", new SessionOptions { SealPolicy = SealPolicy.Off });
            Deliver(session, RequestCode.SET_PROTOCOL_FEATURES, RawFrontEnd.Bytes(ProtocolFeatures.REPLY_ACK | ProtocolFeatures.RESET_DEVICE), null, needReply: false);
            foreach (RingMessage message in order)
            {
                bool expected = model.Apply(message);
                ulong reply = Send(session, peer, message);
                bool accepted = message == RingMessage.GetBase ? reply >> 32 == model.LastBaseReply : reply == 0;
                if (accepted != expected)
                {
                    return $"{message} was {(accepted ? "accepted" : "refused")} (reply 0x{reply:x}); the model says otherwise";
                }

                if (device.Running.Contains(0) != model.Works)
                {
                    return $"after {message} the ring {(model.Works ? "rests" : "runs")}; the model says otherwise";
                }

                if (model.Works && device.Queues[0].Enabled != model.Enabled)
                {
                    return $"after {message} the ring is {(model.Enabled ? "disabled" : "enabled")}; the model says otherwise";
                }
            }

            return null;
        }

        private static void Deliver(VhostUserSession session, RequestCode request, ReadOnlySpan<byte> payload, FileDescriptor? descriptor, bool needReply = true)
        {
            using var descriptors = new FdCollection();
            if (descriptor is not null)
            {
                descriptors.Add(descriptor);
            }

            MessageHeader header = MessageHeader.ForRequest((uint)request, payload.Length, needReply);
            ((IChannelHandler)session).MessageReceived(in header, payload, descriptors);
        }

        private ulong Send(VhostUserSession session, FileDescriptor peer, RingMessage message)
        {
            switch (message)
            {
                case RingMessage.FeaturesWithBit30:
                    Deliver(session, RequestCode.SET_FEATURES, RawFrontEnd.Bytes(SessionFixture.SplitFeatures), null);
                    break;
                case RingMessage.FeaturesWithoutBit30:
                    Deliver(session, RequestCode.SET_FEATURES, RawFrontEnd.Bytes(VirtioFeatures.VERSION_1), null);
                    break;
                case RingMessage.Num256:
                    Deliver(session, RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 256)), null);
                    break;
                case RingMessage.Num128:
                    Deliver(session, RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState(0, 128)), null);
                    break;
                case RingMessage.Base:
                    Deliver(session, RequestCode.SET_VRING_BASE, RawFrontEnd.Bytes(new VringState(0, 5)), null);
                    break;
                case RingMessage.AddressInside:
                    Deliver(session, RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0)), null);
                    break;
                case RingMessage.AddressOutside:
                    Deliver(session, RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(SessionFixture.Address(0) with { Used = 16 }), null);
                    break;
                case RingMessage.MemoryGood:
                    Deliver(session, RequestCode.SET_MEM_TABLE, GuestMemory.Table(_good), _good.File.Duplicate());
                    break;
                case RingMessage.MemoryElsewhere:
                    Deliver(session, RequestCode.SET_MEM_TABLE, GuestMemory.Table(_elsewhere), _elsewhere.File.Duplicate());
                    break;
                case RingMessage.MemoryNone:
                    Deliver(session, RequestCode.SET_MEM_TABLE, GuestMemory.Table(), null);
                    break;
                case RingMessage.Kick:
                    using (var held = new FileDescriptor(fcntl(_kick.Fd, F_DUPFD_CLOEXEC)))
                    {
                        Deliver(session, RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0)), held.Duplicate());
                    }

                    break;
                case RingMessage.KickPolled:
                    Deliver(session, RequestCode.SET_VRING_KICK, RawFrontEnd.Bytes(SessionFixture.FdPayload(0, noFd: true)), null);
                    break;
                case RingMessage.GetBase:
                    Deliver(session, RequestCode.GET_VRING_BASE, RawFrontEnd.Bytes(new VringState(0, 0)), null);
                    break;
                case RingMessage.Enable:
                    Deliver(session, RequestCode.SET_VRING_ENABLE, RawFrontEnd.Bytes(new VringState(0, 1)), null);
                    break;
                case RingMessage.Disable:
                    Deliver(session, RequestCode.SET_VRING_ENABLE, RawFrontEnd.Bytes(new VringState(0, 0)), null);
                    break;
                case RingMessage.Reset:
                    Deliver(session, RequestCode.RESET_DEVICE, default, null);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(message));
            }

            Assert.Equal(MessageHeader.Size + 8, recv(peer.Value, _replies, MSG_DONTWAIT));
            Assert.Equal(MessageHeader.ReplyFlags, Wire.Read<MessageHeader>(_replies).Flags);
            return Wire.Read<ulong>(_replies.AsSpan(MessageHeader.Size));
        }
    }
}
