using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace VhostNet.TestKit;

/// <summary>
/// Bulk data over TCP between a guest and a namespace, with a SHA-256 at both ends: first to the guest, which keeps it, then the same bytes back.
/// </summary>
public static class TcpTransfer
{
    private const string GuestFile = "/tmp/transfer";
    private const int Chunk = 1 << 18;

    /// <summary>Sends bytes each way. The server's address is the namespace's; the guest may know it by another one.</summary>
    /// <exception cref="TestPeerException">What arrived is not what was sent.</exception>
    public static async Task RunAsync(QemuGuest guest, NetworkNamespace peer, IPAddress address, int mebibytes, TimeSpan timeout, string? reachedAs = null)
    {
        byte[] data = RandomNumberGenerator.GetBytes(mebibytes << 20);
        string expected = Convert.ToHexStringLower(SHA256.HashData(data));
        string host = reachedAs ?? address.ToString();
        await DownAsync(guest, peer, address, host, data, expected, timeout);
        await UpAsync(guest, peer, address, host, data.Length, expected, timeout);
    }

    private static async Task DownAsync(QemuGuest guest, NetworkNamespace peer, IPAddress address, string host, byte[] data, string expected, TimeSpan timeout)
    {
        const int port = 5001;
        using Socket listener = peer.ListenTcp(address, port);
        using CancellationTokenSource limit = new(timeout);
        Task<string> command = guest.RunAsync($"nc {host} {port} | tee {GuestFile} | sha256sum", timeout);
        Task sent = SendAllAsync(listener, data, limit.Token);
        await Together(guest, command, sent);
        Verify(guest, "to the guest", expected, (await command).Split(' ')[0].Trim());
    }

    private static async Task UpAsync(QemuGuest guest, NetworkNamespace peer, IPAddress address, string host, long length, string expected, TimeSpan timeout)
    {
        const int port = 5002;
        using Socket listener = peer.ListenTcp(address, port);
        using CancellationTokenSource limit = new(timeout);
        Task<string> command = guest.RunAsync($"nc {host} {port} < {GuestFile}; rm {GuestFile}", timeout);
        Task<(string Hash, long Length)> received = ReceiveAllAsync(listener, limit.Token);
        await Together(guest, command, received);
        (string hash, long count) = await received;
        Verify(guest, $"from the guest ({count} of {length} bytes)", expected, hash);
    }

    private static async Task Together(QemuGuest guest, Task command, Task transfer)
    {
        try
        {
            await Task.WhenAll(command, transfer);
        }
        catch (OperationCanceledException)
        {
            throw guest.Agent.Failure("did not finish a TCP transfer in time");
        }
    }

    private static void Verify(QemuGuest guest, string way, string expected, string actual)
    {
        if (expected != actual)
        {
            throw guest.Agent.Failure($"has a damaged TCP transfer {way}: SHA-256 {actual} instead of {expected}");
        }
    }

    private static async Task SendAllAsync(Socket listener, byte[] data, CancellationToken limit)
    {
        using Socket connection = await listener.AcceptAsync(limit);
        for (int at = 0; at < data.Length;)
        {
            at += await connection.SendAsync(data.AsMemory(at, Math.Min(Chunk, data.Length - at)), limit);
        }

        connection.Shutdown(SocketShutdown.Send);
        await connection.ReceiveAsync(new byte[1], limit);
    }

    private static async Task<(string Hash, long Length)> ReceiveAllAsync(Socket listener, CancellationToken limit)
    {
        using Socket connection = await listener.AcceptAsync(limit);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[Chunk];
        long length = 0;
        for (int count; (count = await connection.ReceiveAsync(buffer, limit)) > 0; length += count)
        {
            hash.AppendData(buffer, 0, count);
        }

        return (Convert.ToHexStringLower(hash.GetHashAndReset()), length);
    }
}
