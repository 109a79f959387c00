using VhostNet.TestKit;
using VhostNet.VhostUser.Frontend;

namespace VhostNet.BlkBench;

/// <summary>A process that serves the file, and the front end that reads from it.</summary>
internal sealed class BlkServer : IAsyncDisposable
{
    private readonly ChildProcess _process;

    private BlkServer(string name, ChildProcess process, string socket)
    {
        Name = name;
        _process = process;
        Reader = new BlkReader(VhostUserFrontend.Connect(socket, BlkReader.Options, wait: TimeSpan.FromSeconds(10)));
    }

    public string Name { get; }

    public BlkReader Reader { get; }

    /// <summary>samples/Blk, as eng/samples.sh built it.</summary>
    public static async Task<BlkServer> StartSampleAsync(TestDirectory directory, string file)
    {
        string socket = directory.File("sample.sock");
        string program = Path.Combine(Repository.Root, "artifacts", "samples", "bin", "Blk", "release", "Blk");
        return new BlkServer("samples/Blk", await ChildProcess.StartAsync("Blk", program, [socket, file]), socket);
    }

    /// <summary>QEMU's.</summary>
    public static async Task<BlkServer> StartQemuAsync(TestDirectory directory, string file, string aio)
    {
        string socket = directory.File($"qemu-{aio}.sock");
        return new BlkServer($"qemu-storage-daemon {aio}", await ChildProcess.StartAsync(
            "qemu-storage-daemon",
            "qemu-storage-daemon",
            [
                "--blockdev", $"driver=file,node-name=disk,filename={file},locking=off,aio={aio}",
                "--export", $"type=vhost-user-blk,id=disk0,addr.type=unix,addr.path={socket},node-name=disk,writable=off,num-queues=1",
            ]), socket);
    }

    public async ValueTask DisposeAsync()
    {
        Reader.Dispose();
        await _process.DisposeAsync();
    }
}
