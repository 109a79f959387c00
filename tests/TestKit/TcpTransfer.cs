using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>
/// Bulk data over TCP with a checksum at both ends, between a guest and a namespace or between two guests. The guest's half is the program in
/// tests/EndToEnd/guest/transfer.c.
/// </summary>
public static partial class TcpTransfer
{
    private const int Chunk = 1 << 18;
    private const int DownPort = 5001;
    private const int UpPort = 5002;
    private const int GuestPort = 5003;

    /// <summary>Sends bytes to the guest, then others back. The server's address is the namespace's; the guest may know it by another one.</summary>
    /// <exception cref="TestPeerException">What arrived is not what was sent.</exception>
    public static async Task RunAsync(QemuGuest guest, NetworkNamespace peer, IPAddress address, int mebibytes, TimeSpan timeout, string? reachedAs = null)
    {
        string host = reachedAs ?? address.ToString();
        using Socket down = peer.ListenTcp(address, DownPort);
        using Socket up = peer.ListenTcp(address, UpPort);
        await VerifyAsync(guest, "to the guest", guest.RunAsync($"transfer receive {host} {DownPort}", timeout), SendAsync(down, mebibytes, timeout));
        await VerifyAsync(guest, "from the guest", guest.RunAsync($"transfer send {host} {UpPort} {mebibytes}", timeout), ReceiveAsync(up, timeout));
    }

    /// <summary>Sends bytes from one guest to another.</summary>
    /// <exception cref="TestPeerException">What arrived is not what was sent.</exception>
    public static async Task BetweenGuestsAsync(QemuGuest sender, QemuGuest receiver, string receiverAddress, int mebibytes, TimeSpan timeout)
    {
        int from = receiver.Agent.Length;
        Task<string> received = receiver.RunAsync($"transfer listen {GuestPort}", timeout);
        await receiver.Agent.WaitForAsync(Listening(), from, timeout);
        await VerifyAsync(receiver, $"to {receiverAddress}", received, sender.RunAsync($"transfer send {receiverAddress} {GuestPort} {mebibytes}", timeout));
    }

    private static async Task VerifyAsync(QemuGuest guest, string way, Task<string> one, Task<string> other)
    {
        try
        {
            await Task.WhenAll(one, other);
        }
        catch (OperationCanceledException)
        {
            throw guest.Agent.Failure($"did not finish a TCP transfer {way} in time");
        }

        string first = Result().Match(await one).Value;
        string second = Result().Match(await other).Value;
        if (first.Length == 0 || first != second)
        {
            throw guest.Agent.Failure($"has a damaged TCP transfer {way}: \"{first}\" at one end, \"{second}\" at the other (bytes, checksum)");
        }
    }

    private static async Task<string> SendAsync(Socket listener, int mebibytes, TimeSpan timeout)
    {
        using CancellationTokenSource limit = new(timeout);
        using Socket connection = await listener.AcceptAsync(limit.Token);
        byte[] data = RandomNumberGenerator.GetBytes(mebibytes << 20);
        for (int at = 0; at < data.Length;)
        {
            at += await connection.SendAsync(data.AsMemory(at, Math.Min(Chunk, data.Length - at)), limit.Token);
        }

        // The guest closes its end when it has everything.
        connection.Shutdown(SocketShutdown.Send);
        await connection.ReceiveAsync(new byte[1], limit.Token);
        return Describe(data);
    }

    private static async Task<string> ReceiveAsync(Socket listener, TimeSpan timeout)
    {
        using CancellationTokenSource limit = new(timeout);
        using Socket connection = await listener.AcceptAsync(limit.Token);
        using MemoryStream data = new();
        byte[] buffer = new byte[Chunk];
        for (int count; (count = await connection.ReceiveAsync(buffer, limit.Token)) > 0;)
        {
            data.Write(buffer, 0, count);
        }

        return Describe(data.GetBuffer().AsSpan(0, (int)data.Length));
    }

    // FNV-1a over 64-bit words, as the guest's program says it.
    private static string Describe(ReadOnlySpan<byte> data)
    {
        ulong checksum = 0xcbf29ce484222325;
        foreach (ulong word in MemoryMarshal.Cast<byte, ulong>(data))
        {
            checksum = (checksum ^ word) * 0x100000001b3;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{data.Length} {checksum:x16}");
    }

    [GeneratedRegex("^listening$", RegexOptions.Multiline)]
    private static partial Regex Listening();

    [GeneratedRegex("^[0-9]+ [0-9a-f]{16}", RegexOptions.Multiline)]
    private static partial Regex Result();
}
