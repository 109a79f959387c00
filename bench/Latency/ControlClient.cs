using System.Net.Sockets;

namespace VhostNet.Latency;

/// <summary>Asks the daemon over its control socket, on one connection that stays open, as a monitoring agent does.</summary>
internal sealed class ControlClient : IDisposable
{
    private readonly HttpClient _http;

    public ControlClient(string path) => _http = new HttpClient(new SocketsHttpHandler
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        },
    });

    public async Task<MetricValues> MetricsAsync() => new(await _http.GetStringAsync("http://localhost/metrics"));

    public Task<string> StatusAsync() => _http.GetStringAsync("http://localhost/status");

    public void Dispose() => _http.Dispose();
}
