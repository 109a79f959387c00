using VhostNet.VhostUser.Memory;
using VhostNet.VhostUser.Tests.Backend;

namespace VhostNet.VhostUser.Tests.Memory;

/// <summary>This process plays the front end whose mappings are looked at. One of these makes very many, so no test that counts them may run beside it.</summary>
[Collection(Alone.Name)]
public sealed class SharingProbeTests
{
    [Fact]
    public void APrivateMappingIsFoundAmongSharedOnes()
    {
        using var shared = new GuestMemory(4096);
        using var hidden = new GuestMemory(4096);
        FileIdentity[] files = [FileIdentity.Of(shared.File)!.Value, FileIdentity.Of(hidden.File)!.Value];
        Assert.False(SharingProbe.IsAnyPrivate(files, Environment.ProcessId, out int bytes));
        Assert.InRange(bytes, 1, SharingProbe.BytesMax);
        hidden.Mapping.Dispose();
        using (Mapping.Map(hidden.File.Value, 0, 4096, PROT_READ, MAP_PRIVATE))
        {
            Assert.True(SharingProbe.IsAnyPrivate(files, Environment.ProcessId, out _));
            Assert.False(SharingProbe.IsAnyPrivate([files[0]], Environment.ProcessId, out _));
            using (Mapping.Map(hidden.File.Value, 0, 4096, PROT_READ, MAP_SHARED))
            {
                Assert.False(SharingProbe.IsAnyPrivate(files, Environment.ProcessId, out _));
            }
        }

        Assert.False(SharingProbe.IsAnyPrivate(files, 0, out bytes));
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void test_regression_very_many_mappings_are_not_read_to_their_end()
    {
        const int Mappings = 30_000;
        const int Page = 4096;
        using var guest = new GuestMemory(Page);
        using Mapping area = Mapping.Map(-1, 0, (nuint)Mappings * Page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS);

        // Every other page may be read, so that each is a mapping of its own.
        for (int i = 0; i < Mappings; i += 2)
        {
            Assert.Equal(0, mprotect(area.Address + ((nint)i * Page), Page, PROT_READ));
        }

        guest.Mapping.Dispose();
        using Mapping copy = Mapping.Map(guest.File.Value, 0, Page, PROT_READ, MAP_PRIVATE);
        Assert.False(SharingProbe.IsAnyPrivate([FileIdentity.Of(guest.File)!.Value], Environment.ProcessId, out int bytes));
        Assert.InRange(bytes, SharingProbe.BytesMax, SharingProbe.BytesMax + 65536);
    }
}
