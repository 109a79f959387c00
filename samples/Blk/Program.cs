using System.Runtime.InteropServices;
using Blk;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.State;

if (args.Length is < 2 or > 3 || !int.TryParse(args.ElementAtOrDefault(2) ?? "1", out int queues) || queues is < 1 or > 64)
{
    Console.Error.WriteLine("usage: Blk SOCKET FILE [QUEUES]    then: qemu-system-x86_64 … -chardev socket,id=c0,path=SOCKET,reconnect=1 -device vhost-user-blk-pci,chardev=c0");
    return 2;
}

try
{
    using var file = new BlkFile(args[1]);
    using var device = new BlkDevice(file, queues);

    // The control thread is this one: messages, timers and the signal's wish to stop come to it one at a time.
    using var control = new AioContext();
    control.BindToCurrentThread();
    bool stop = false;
    void Stop(PosixSignalContext signal)
    {
        signal.Cancel = true;
        control.ScheduleOneShot(() => stop = true);
    }

    using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);

    // A front end that loses us connects again, to this process or the next one: the in-flight area, which it keeps, says what is to be done again.
    using var server = new VhostUserServer(control, device, new VhostUserEndpointOptions { Path = args[0], Session = new SessionOptions { Log = new ConsoleLog() } });
    server.Start();
    while (!stop)
    {
        control.Poll(blocking: true);
    }

    return 0;
}
catch (Exception e) when (e is IOException or InvalidDataException or VhostNet.LibC.ErrnoException)
{
    Console.Error.WriteLine($"Blk: {e.Message}");
    return 1;
}
