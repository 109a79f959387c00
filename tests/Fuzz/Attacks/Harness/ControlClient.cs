using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>Asks the control API for /health and /status, over and over on a thread of its own, and notes how long each answer takes.</summary>
internal sealed class ControlClient : IDisposable
{
    /// <summary>A request that has no answer by then is given up, and counts with this time.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    private const int PauseMilliseconds = 20;
    private readonly HttpClient _client;
    private readonly Thread _thread;
    private readonly List<double> _milliseconds = [];
    private readonly List<string> _failures = [];
    private volatile bool _ends;

    public ControlClient(string path)
    {
        var handler = new SocketsHttpHandler
        {
            ConnectCallback = async (_, token) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), token);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };
        _client = new HttpClient(handler) { BaseAddress = new Uri("http://d/"), Timeout = Patience };
        _thread = new Thread(Main) { Name = "control client", IsBackground = true };
    }

    /// <summary>Returns when the first request was answered.</summary>
    /// <exception cref="TimeoutException">None was.</exception>
    public void WaitUntilServed()
    {
        for (int i = 0; i < 2000; i++)
        {
            try
            {
                _ = Send(HttpMethod.Get, "health");
                return;
            }
            catch (HttpRequestException)
            {
                _ = poll([], 10);
            }
        }

        throw new TimeoutException("the control API does not answer");
    }

    /// <summary>Begins to ask.</summary>
    public void Start() => _thread.Start();

    /// <summary>How long each answer took.</summary>
    public double[] Milliseconds
    {
        get
        {
            lock (_milliseconds)
            {
                return [.. _milliseconds];
            }
        }
    }

    /// <summary>Answers that were none, and such that say that something is wrong.</summary>
    public string[] Failures
    {
        get
        {
            lock (_milliseconds)
            {
                return [.. _failures];
            }
        }
    }

    /// <summary>Sends one request and returns the answer's status and text.</summary>
    public (HttpStatusCode Status, string Text) Send(HttpMethod method, string path, string? json = null)
    {
        using var request = new HttpRequestMessage(method, path);
        if (json is not null)
        {
            request.Content = new StringContent(json, Encoding.UTF8, "application/json");
        }

        using HttpResponseMessage response = _client.Send(request);
        using var reader = new StreamReader(response.Content.ReadAsStream());
        return (response.StatusCode, reader.ReadToEnd());
    }

    public void Stop()
    {
        if (!_ends)
        {
            _ends = true;
            if (_thread.ThreadState != System.Threading.ThreadState.Unstarted)
            {
                _thread.Join();
            }
        }
    }

    public void Dispose()
    {
        Stop();
        _client.Dispose();
    }

    private void Main()
    {
        for (int i = 0; !_ends; i++)
        {
            string path = i % 2 == 0 ? "health" : "status";
            long start = Stopwatch.GetTimestamp();
            string? failure = null;
            try
            {
                (HttpStatusCode status, string text) = Send(HttpMethod.Get, path);
                failure = status == HttpStatusCode.OK ? null : $"/{path} answered {(int)status}: {text}";
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException or IOException)
            {
                failure = $"/{path}: {e.Message}";
            }

            if (_ends)
            {
                return;
            }

            lock (_milliseconds)
            {
                _milliseconds.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                if (failure is not null)
                {
                    _failures.Add(failure);
                }
            }

            _ = poll([], PauseMilliseconds);
        }
    }
}
