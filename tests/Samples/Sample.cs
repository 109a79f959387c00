namespace VhostNet.Samples;

/// <summary>The programs that eng/samples.sh built against the packages.</summary>
internal static class Sample
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>Starts one.</summary>
    public static Task<ChildProcess> StartAsync(string name, params string[] arguments)
    {
        string path = Path.Combine(Repository.Root, "artifacts", "samples", "bin", name, "release", name);
        Assert.True(File.Exists(path), $"{path} is missing: run eng/samples.sh first");
        return ChildProcess.StartAsync(name, path, arguments);
    }

    /// <summary>Starts one that serves a socket, and waits until it listens.</summary>
    public static async Task<ChildProcess> StartServerAsync(string name, params string[] arguments)
    {
        ChildProcess sample = await StartAsync(name, arguments);
        await sample.Output.WaitForAsync("listening for a front end", Limit);
        return sample;
    }

    /// <summary>A machine without a network card and with another vhost-user device, whose drivers are loaded.</summary>
    public static async Task<QemuGuest> BootAsync(TestDirectory directory, string socket, string device, bool reconnect = false)
    {
        string again = reconnect ? "," + (await QemuRelease.OfAsync("qemu-system-x86_64")).Reconnect : "";
        QemuGuest guest = await QemuGuest.BootAsync(directory, new GuestOptions
        {
            Socket = null,
            ExtraArguments = ["-chardev", $"socket,id=s0,path={socket}{again}", "-device", $"{device},chardev=s0"],
        });
        await guest.RunAsync("for m in $(cat /modules/devices); do insmod /modules/$m || exit 1; done");
        return guest;
    }
}
