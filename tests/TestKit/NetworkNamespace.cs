using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace VhostNet.TestKit;

/// <summary>
/// A network namespace of one test's own: its taps and bridges meet nobody else's. Processes are started in it, and sockets are made in it: a socket
/// stays in the namespace of the thread that made it, whoever uses it later.
/// </summary>
public sealed class NetworkNamespace : IAsyncDisposable
{
    private const string Prefix = "vhostnet-";
    private static readonly Lazy<Task> s_abandonedRemoved = new(RemoveAbandonedAsync);
    private static int s_count;

    private NetworkNamespace(string name) => Name = name;

    /// <summary>The name that <c>ip netns</c> knows it by.</summary>
    public string Name { get; }

    /// <summary>Makes a namespace with its loopback up, and removes those of test runs that have ended without doing so.</summary>
    public static async Task<NetworkNamespace> CreateAsync()
    {
        await s_abandonedRemoved.Value;
        NetworkNamespace made = new($"{Prefix}{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}");
        await ChildProcess.RunAsync("ip", ["netns", "add", made.Name]);
        await made.IpAsync("link set lo up");
        return made;
    }

    /// <summary>Runs <c>ip</c> with arguments that are separated by spaces.</summary>
    public Task<string> IpAsync(string arguments) => ChildProcess.RunAsync("ip", ["-netns", Name, .. arguments.Split(' ')]);

    /// <summary>Runs a program in the namespace to its end and returns its output; arguments are separated by spaces.</summary>
    public Task<string> RunAsync(string program, string arguments) => ChildProcess.RunAsync(program, arguments.Split(' '), this);

    /// <summary>Makes a persistent tap, up, with an address (with prefix length) unless none is given.</summary>
    public async Task CreateTapAsync(string name, string? address, bool multiQueue = false, int mtu = 1500)
    {
        await IpAsync($"tuntap add dev {name} mode tap{(multiQueue ? " multi_queue vnet_hdr" : " vnet_hdr")}");
        await IpAsync($"link set {name} mtu {mtu} up");
        if (address is not null)
        {
            await IpAsync($"addr add {address} dev {name}");
        }
    }

    /// <summary>Lays a cable to another namespace: an interface of one name at both ends.</summary>
    public Task<string> ConnectAsync(NetworkNamespace other, string name) => IpAsync($"link add {name} type veth peer name {name} netns {other.Name}");

    /// <summary>A TCP socket that listens in the namespace.</summary>
    public Socket ListenTcp(IPAddress address, int port) => Make(() =>
    {
        Socket socket = new(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(address, port));
        socket.Listen();
        return socket;
    });

    /// <summary>A UDP socket bound in the namespace.</summary>
    public Socket BindUdp(IPAddress address, int port) => Make(() =>
    {
        Socket socket = new(address.AddressFamily, SocketType.Dgram, ProtocolType.Udp);
        socket.Bind(new IPEndPoint(address, port));
        return socket;
    });

    /// <summary>Makes something on a thread that is in the namespace and ends right after.</summary>
    public T Make<T>(Func<T> make)
    {
        T? result = default;
        Exception? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                using SafeFileHandle handle = File.OpenHandle($"/run/netns/{Name}");
                if (setns((int)handle.DangerousGetHandle(), CLONE_NEWNET) != 0)
                {
                    throw new IOException($"setns into {Name} failed: {Marshal.GetLastPInvokeErrorMessage()}");
                }

                result = make();
            }
            catch (Exception e)
            {
                failure = e;
            }
        });
        thread.Start();
        thread.Join();
        return failure is null ? result! : throw new InvalidOperationException($"in namespace {Name}: {failure.Message}", failure);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await ChildProcess.RunAsync("ip", ["netns", "delete", Name]);

    private static async Task RemoveAbandonedAsync()
    {
        if (!Directory.Exists("/run/netns"))
        {
            return;
        }

        foreach (string path in Directory.EnumerateFiles("/run/netns", Prefix + "*"))
        {
            string name = Path.GetFileName(path);
            string owner = name[Prefix.Length..].Split('-')[0];
            if (!Directory.Exists($"/proc/{owner}"))
            {
                await ChildProcess.RunAsync("ip", ["netns", "delete", name]);
            }
        }
    }
}
