using VhostNet.Fuzz.Attacks.Harness;
using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;
using VhostNet.VhostUser.Protocol;

namespace VhostNet.Fuzz.Attacks;

/// <summary>Shares as many regions as a session may have, on several sockets: each costs the daemon a descriptor.</summary>
internal sealed class RegionHog : Attack
{
    private const int Sockets = 4;
    private readonly List<AttackGuest> _guests = [];

    public override int DescriptorLimit => 1024;

    public override IEnumerable<object> Ports(TestDirectory directory) => Enumerable.Range(0, Sockets).Select(i => Guest(directory, $"hog{i}"));

    public override void Begin(AttackScene scene)
    {
        for (int i = 0; i < Sockets; i++)
        {
            _guests.Add(new AttackGuest(scene.Socket($"hog{i}")));
        }
    }

    public override void Round(AttackScene scene)
    {
        foreach (AttackGuest guest in _guests)
        {
            try
            {
                _ = AddRegions(guest.Connect(), guest.Memory.Regions[0].File.Value, 509);
            }
            catch (VhostUserFrontendException e) when (e.Error != FrontendError.TimedOut)
            {
                // Turned away; the next socket may have more.
            }
        }

        _guests.ForEach(g => g.Disconnect());
    }

    protected override void Release() => _guests.ForEach(g => g.Dispose());

    /// <summary>Adds regions of one page behind the guest's own memory, all of one file.</summary>
    /// <returns>How many were taken.</returns>
    public static int AddRegions(VhostUserFrontend frontend, int file, int count)
    {
        byte[] payload = new byte[MemoryRegionPayload.PrefixSize + MemoryRegionPayload.Size];
        for (int i = 0; i < count; i++)
        {
            ulong at = 0x10_0000_0000 + ((ulong)i << 13);
            Wire.Write(payload.AsSpan(MemoryRegionPayload.PrefixSize), new MemoryRegionPayload(at, 4096, at, 0));
            try
            {
                frontend.SendMessage((uint)RequestCode.ADD_MEM_REG, MessageHeader.Version | MessageHeader.NeedReplyFlag, payload, file);
                using ReceivedMessage? reply = frontend.ReceiveRaw();
                if (reply is null || reply.Value != 0)
                {
                    return i;
                }
            }
            catch (VhostUserFrontendException e) when (e.Error != FrontendError.TimedOut)
            {
                return i;
            }
        }

        return count;
    }

    /// <summary>Takes all descriptors that there are but for a few: finds out how many regions are too many, and shares as many less.</summary>
    public static void TakeAllBut(AttackGuest guest, int left)
    {
        int file = guest.Memory.Regions[0].File.Value;
        int most = AddRegions(guest.Connect(), file, 509);
        if (most < 509)
        {
            // The one too many may have ended the session, and with it all the others went back.
            _ = AddRegions(guest.Connect(), file, most - left);
        }
    }
}
