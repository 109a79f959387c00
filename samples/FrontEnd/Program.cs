using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Virtqueues;

// What a VMM does, without a guest: connects to a net back end, shares memory, drives its first pair of rings, sends a broadcast and prints what arrives.
if (args.Length is < 1 or > 2 || !int.TryParse(args.ElementAtOrDefault(1) ?? "5", out int wanted))
{
    Console.Error.WriteLine("usage: FrontEnd SOCKET [FRAMES]");
    return 2;
}

const int Header = 12, FrameMax = 2048, Buffers = 64;
const ulong Mac = 1UL << 5;
using VhostUserFrontend frontend = VhostUserFrontend.Connect(
    args[0], new FrontendOptions { Features = VirtioFeatures.VERSION_1 | VirtioFeatures.PROTOCOL_FEATURES | Mac }, wait: TimeSpan.FromSeconds(5));
frontend.Negotiate();
Console.WriteLine($"features 0x{frontend.Features:x} of 0x{frontend.OfferedFeatures:x}, protocol features 0x{frontend.ProtocolFeatures:x}, {frontend.QueueNum} queue pairs");
using GuestMemory memory = GuestMemory.Create(16 << 20);
frontend.ShareMemory(memory);
using DriverQueue receive = frontend.CreateQueue(0), transmit = frontend.CreateQueue(1);

// Room for frames to come, before the ring starts; a buffer's address is the cookie that it comes back with.
var room = new GuestBuffer[Buffers];
for (int i = 0; i < Buffers; i++)
{
    room[i] = new GuestBuffer(memory.Allocate(FrameMax), FrameMax, Writable: true);
}

receive.AddBatch(room);
receive.Publish();
frontend.StartQueue(receive);
frontend.StartQueue(transmit);

// "Who has 10.0.2.2? Tell 10.0.2.15", which the responder and the user uplink answer.
byte[] request = Convert.FromHexString("ffffffffffff5254000000010806000108000604000152540000000" + "10a00020f0000000000000a000202");
ulong frame = memory.Allocate(FrameMax);
memory.Write(frame + Header, request);
transmit.Send([new GuestBuffer(frame, (uint)(Header + request.Length), Writable: false)]);

var used = new UsedChain[1];
for (int seen = 0; seen < wanted; seen++)
{
    if (receive.WaitForUsed(used, TimeSpan.FromSeconds(5)) == 0)
    {
        Console.WriteLine("no more frames");
        break;
    }

    Print(memory.Bytes(used[0].Cookie + Header, (int)used[0].Length - Header));
    receive.Send([new GuestBuffer(used[0].Cookie, FrameMax, Writable: true)], used[0].Cookie);
}

frontend.StopQueue(transmit);
frontend.StopQueue(receive);
return 0;

static void Print(ReadOnlySpan<byte> bytes) =>
    Console.WriteLine($"{Address(bytes[6..12])} > {Address(bytes[..6])} type 0x{bytes[12]:x2}{bytes[13]:x2} {bytes.Length} bytes: {Convert.ToHexStringLower(bytes[14..Math.Min(bytes.Length, 46)])}");

static string Address(ReadOnlySpan<byte> mac) => string.Join(':', mac.ToArray().Select(b => b.ToString("x2")));
