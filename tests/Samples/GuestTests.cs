using System.Globalization;

namespace VhostNet.Samples;

/// <summary>The samples' devices in guests.</summary>
public sealed class GuestTests : IDisposable
{
    private readonly TestDirectory _directory = new();

    public void Dispose() => _directory.Dispose();

    [Fact]
    public Task TheGuestGetsRandomNumbers() => GetsRandomNumbersAsync(path => Sample.StartServerAsync("Rng", path));

    /// <summary>As a new user would: the template installed, a project made from it, built against the packages, and its device driven by a guest.</summary>
    [Fact]
    public async Task AProjectOfTheTemplateIsADevice()
    {
        await using (ChildProcess script = await ChildProcess.StartAsync("template-try.sh", Path.Combine(Repository.Root, "eng", "template-try.sh"), [_directory.File("Mine")]))
        {
            Assert.True(await script.WaitForExitAsync(TimeSpan.FromMinutes(3)) == 0, script.Output.ToString());
        }

        await GetsRandomNumbersAsync(async path =>
        {
            ChildProcess device = await ChildProcess.StartAsync("Mine", _directory.File("Mine/out/Mine"), [path]);
            await device.Output.WaitForAsync("listening for a front end", Sample.Limit);
            return device;
        });
    }

    /// <summary>A guest makes a file system and copies while the daemon is killed and started anew, twice; nothing is lost, as the guest and then the host find.</summary>
    [Fact]
    public async Task ADiskLosesNothingWhenItsDaemonIsKilled()
    {
        string disk = _directory.File("disk"), socket = _directory.File("blk.sock");
        await using (FileStream file = File.Create(disk))
        {
            file.SetLength(96 << 20);
        }

        ChildProcess daemon = await Sample.StartServerAsync("Blk", socket, disk, "2");
        try
        {
            await using (QemuGuest guest = await Sample.BootAsync(_directory, socket, "vhost-user-blk-pci,num-queues=2,vectors=0", reconnect: true))
            {
                Assert.Equal("196608", (await guest.RunAsync("cat /sys/block/vda/size")).Trim());
                await guest.RunAsync("mke2fs /dev/vda >/dev/null && mkdir -p /mnt && mount -t ext2 /dev/vda /mnt && dd if=/dev/urandom of=/mnt/first bs=1M count=12 && sync");

                // It copies until it is told to stop, past the page cache, so that requests are under way whenever the daemon ends.
                await guest.RunAsync("(n=0; until [ -e /tmp/enough ]; do n=$((n+1)); dd if=/mnt/first of=/mnt/copy$((n%4)) bs=64k conv=fsync 2>/dev/null && echo $n >/tmp/round; done; touch /tmp/over) >/dev/null 2>&1 &");
                for (int kill = 0; kill < 2; kill++)
                {
                    int before = await RoundAsync(guest, 0);
                    await daemon.KillAsync();
                    await daemon.DisposeAsync();
                    daemon = await Sample.StartServerAsync("Blk", socket, disk, "2");
                    Assert.True(await RoundAsync(guest, before + 2) > before + 1);
                }

                await guest.RunAsync("touch /tmp/enough; until [ -e /tmp/over ]; do sleep 0.2; done; sync; echo 3 >/proc/sys/vm/drop_caches");
                string[] sums = (await guest.RunAsync("sha256sum /mnt/first /mnt/copy0 /mnt/copy1 /mnt/copy2 /mnt/copy3")).Split('\n', StringSplitOptions.RemoveEmptyEntries);
                Assert.Equal(5, sums.Length);
                Assert.Single(sums.Select(s => s.Split(' ')[0]).Distinct());
                Assert.DoesNotContain("I/O error", await guest.RunAsync("dmesg"), StringComparison.Ordinal);
                await guest.RunAsync("umount /mnt");
            }

            await ChildProcess.RunAsync("e2fsck", ["-f", "-n", disk]);
            await daemon.TerminateAsync();
        }
        finally
        {
            await daemon.DisposeAsync();
        }
    }

    /// <summary>Waits until the guest's copying has come to a round, and says which it is at.</summary>
    private static async Task<int> RoundAsync(QemuGuest guest, int atLeast) => int.Parse(
        await guest.RunAsync($"until [ -s /tmp/round ] && [ $(cat /tmp/round) -ge {atLeast} ]; do sleep 0.1; done; cat /tmp/round", TimeSpan.FromSeconds(90)),
        CultureInfo.InvariantCulture);

    private async Task GetsRandomNumbersAsync(Func<string, Task<ChildProcess>> start)
    {
        string socket = _directory.File("rng.sock");
        await using ChildProcess device = await start(socket);
        await using (QemuGuest guest = await Sample.BootAsync(_directory, socket, "vhost-user-rng-pci,vectors=0"))
        {
            Assert.StartsWith("virtio_rng", await guest.RunAsync("cat /sys/class/misc/hw_random/rng_current"), StringComparison.Ordinal);
            string[] sums = [await Sum(guest), await Sum(guest)];
            Assert.NotEqual(sums[0], sums[1]);
        }

        Assert.Equal(0, await device.WaitForExitAsync(Sample.Limit));
        Assert.Matches("gave [0-9]{4,} bytes", device.Output.ToString());
    }

    private static Task<string> Sum(QemuGuest guest) => guest.RunAsync("dd if=/dev/hwrng bs=64 count=16 iflag=fullblock 2>/dev/null | sha256sum");
}
