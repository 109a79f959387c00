using VhostNet.VhostUser.Backend.Rings;
using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Virtqueues;

namespace VhostNet.VhostUser.Tests.Backend;

/// <summary>No burst of messages keeps the control thread for more than a turn; the work is counted, so these are not timed.</summary>
public sealed class TurnTests
{
    /// <summary>What a turn may overdraw: the dearest message, with all its regions and rings.</summary>
    private const long OverdraftMax = TurnBudget.Turn / 2;

    [Fact]
    public void ABurstOfCheapMessagesTakesSeveralTurns()
    {
        using var fixture = new SessionFixture();
        fixture.Negotiate();
        fixture.Front.AskAcknowledgement = false;
        const int Messages = 1000;
        byte[] burst =
        [
            .. Enumerable.Range(0, Messages).SelectMany(i => (byte[])
            [
                .. Wire.ToBytes(MessageHeader.ForRequest((uint)RequestCode.SET_VRING_NUM, VringState.Size)), .. Wire.ToBytes(new VringState(0, i % 2 == 0 ? 256u : 512u)),
            ]),
        ];
        fixture.Front.SendBytes(burst);
        (int turns, long spentMax) = CountTurns(fixture);
        Assert.InRange(turns, 3, Messages);
        Assert.InRange(spentMax, 1, TurnBudget.Turn + OverdraftMax);
    }

    [Fact]
    public void ABurstOfTranslationsCostsWhatTheTableIsLong()
    {
        using var guest = new GuestMemory();
        using var fixture = new SessionFixture();
        fixture.Negotiate(SessionFixture.SplitFeatures | VirtioFeatures.ACCESS_PLATFORM);
        fixture.Front.Tell(RequestCode.ADD_MEM_REG, guest.SingleRegion, guest.File.Value);
        for (ulong i = 0; i < 3000; i++)
        {
            Ask(fixture, i);
        }

        for (ulong i = 0; i < 50; i++)
        {
            fixture.Front.Send(RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(Update(i)));
        }

        (int turns, long spentMax) = CountTurns(fixture);
        Assert.InRange(turns, 20, 51);
        Assert.InRange(spentMax, TurnBudget.Turn / 2, TurnBudget.Turn + OverdraftMax);
    }

    [Fact]
    public void RingsThatAreToStartAtOnceStartOverSeveralTurns()
    {
        const int Rings = 8;
        using var guest = new GuestMemory(16 << 20);
        using var fixture = new SessionFixture(new RecordingDevice { QueueCountMax = Rings });
        fixture.Negotiate();
        for (int ring = 0; ring < Rings; ring++)
        {
            ulong start = GuestMemory.UserBase + ((ulong)ring << 21);
            fixture.Front.Tell(RequestCode.SET_VRING_NUM, RawFrontEnd.Bytes(new VringState((uint)ring, 32768)));
            fixture.Front.Tell(RequestCode.SET_VRING_ADDR, RawFrontEnd.Bytes(new VringAddress((uint)ring, 0, start, start + 0x180000, start + 0x100000, 0)));
            fixture.Kick(ring);
        }

        Assert.Empty(fixture.Device.Running);
        var startedInOne = new List<int>();
        fixture.Front.Send(RequestCode.ADD_MEM_REG, guest.SingleRegion, [guest.File.Value]);
        int before;
        do
        {
            before = fixture.Device.Running.Count;
            fixture.Context.Poll(false);
            startedInOne.Add(fixture.Device.Running.Count - before);
        }
        while (fixture.Device.Running.Count != before || startedInOne.Count == 1);

        Assert.Equal(Rings, fixture.Device.Running.Count);
        Assert.InRange(startedInOne.Max(), 1, 2);
        fixture.Front.ReceiveReply();

        // One that is stopped before its turn has come does not start.
        Assert.Equal(0u, fixture.GetBase(0));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(256)]
    [InlineData(1000)]
    [InlineData(32768)]
    public void APackedRingIsReadForABoundedNumberOfBytes(int size)
    {
        Assert.InRange(PackedRingScan.BytesMax(size), size * PackedDescriptor.Size, 4 * 32768 * PackedDescriptor.Size);
        Assert.InRange(new TurnBudget(TurnBudget.Turn).Left - (PackedRingScan.BytesMax(size) / TurnBudget.BytesPerUnit), TurnBudget.Turn * 7 / 10, TurnBudget.Turn);
    }

    private static IotlbPayload Update(ulong page) => new(page << 13, 4096, GuestMemory.UserBase, 3, IotlbPayload.Update);

    private static void Ask(SessionFixture fixture, ulong page) =>
        Assert.Equal(0UL, fixture.Front.Ask<ulong>(RequestCode.IOTLB_MSG, RawFrontEnd.Bytes(Update(page))));

    private static (int Turns, long SpentMax) CountTurns(SessionFixture fixture)
    {
        int turns = 0;
        long spentMax = 0;
        while (fixture.Context.Poll(false))
        {
            turns++;
            spentMax = Math.Max(spentMax, fixture.Session.TurnSpent);
        }

        return (turns, spentMax);
    }
}
