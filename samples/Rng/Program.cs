using Rng;
using VhostNet.Aio;
using VhostNet.VhostUser.Backend.Endpoints;
using VhostNet.VhostUser.Backend.Logging;
using VhostNet.VhostUser.Backend.State;

if (args.Length != 1)
{
    Console.Error.WriteLine("usage: Rng SOCKET    then: qemu-system-x86_64 -chardev socket,id=c0,path=SOCKET -device vhost-user-rng-pci,chardev=c0 …");
    return 2;
}

// One thread for the socket, which is this one, and one for the ring.
using var control = new AioContext();
control.BindToCurrentThread();
using var thread = new IoThread(new IoThreadOptions { Name = "rng" });
thread.Start();
using var device = new RngDevice(thread);
using var server = new VhostUserServer(control, device, new VhostUserEndpointOptions { Path = args[0], Session = new SessionOptions { Log = new ConsoleLog() } });
bool ended = false;
server.SessionEnded += _ => ended = true;
server.Start();
while (!ended)
{
    control.Poll(blocking: true);
}

Console.WriteLine($"gave {device.BytesGiven} bytes");
return 0;

internal sealed class ConsoleLog : ISessionLog
{
    public bool IsEnabled(SessionLogLevel level) => level != SessionLogLevel.Debug;

    public void Write(SessionLogLevel level, string connection, string message) => Console.WriteLine($"{level}: {connection}: {message}");
}
