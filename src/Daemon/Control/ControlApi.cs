using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.Daemon.Control;

/// <summary>The control API: HTTP and JSON over a Unix socket. docs/operating.md describes the requests. Any thread.</summary>
internal sealed class ControlApi(DaemonService daemon, DaemonOptions options, ILogger<ControlApi> logger)
{
    private const string JsonType = "application/json; charset=utf-8";

    private ScratchBuffer? _spare;

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await RouteAsync(context).ConfigureAwait(false);
        }
        catch (ControlException e)
        {
            await WriteErrorAsync(context, e.StatusCode, e.Message).ConfigureAwait(false);
        }
        catch (ConfigException e)
        {
            await WriteErrorAsync(context, StatusCodes.Status400BadRequest, e.Message).ConfigureAwait(false);
        }
        catch (BadHttpRequestException e)
        {
            await WriteErrorAsync(context, e.StatusCode, e.Message).ConfigureAwait(false);
        }
    }

    private Task RouteAsync(HttpContext context)
    {
        string path = context.Request.Path.Value is { Length: > 0 } given ? given : "/";
        switch (path)
        {
            case "/metrics":
                RequireGet(context);
                return MetricsAsync(context);
            case "/health":
                RequireGet(context);
                return HealthAsync(context);
            case var _ when context.Features.Get<MetricsOnly>() is not null:
                throw new ControlException(StatusCodes.Status404NotFound, $"{path}: this listener serves /metrics and /health only; the rest is on the control socket");
            case "/" or "/status":
                RequireGet(context);
                return JsonAsync(context, json => StatusWriter.WriteDaemon(json, daemon.Composition, daemon.Watchdog.StuckThreads));
            default:
                return path.StartsWith("/ports/", StringComparison.Ordinal) ? PortAsync(context, path["/ports/".Length..])
                    : path.StartsWith("/debug/stall/", StringComparison.Ordinal) && options.Debug.Stall ? StallAsync(context, path["/debug/stall/".Length..])
                    : throw new ControlException(StatusCodes.Status404NotFound, $"{path}: there is no such resource; GET /status shows all");
        }
    }

    private Task PortAsync(HttpContext context, string path)
    {
        int slash = path.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0)
        {
            RequireGet(context);
            return JsonAsync(context, json => StatusWriter.WritePort(json, FindPort(path), daemon.Composition.Captures));
        }

        return path.AsSpan(slash) is "/capture"
            ? CaptureAsync(context, path[..slash])
            : throw new ControlException(StatusCodes.Status404NotFound, $"/ports/{path}: there is no such resource; GET /ports/NAME shows a port");
    }

    private async Task CaptureAsync(HttpContext context, string name)
    {
        switch (context.Request.Method)
        {
            case "POST":
                CaptureOptions options = CaptureOptions.Read(await ReadBodyAsync(context).ConfigureAwait(false));
                await JsonAsync(context, json => StatusWriter.WriteCapture(json, StartCapture(FindPort(name), options))).ConfigureAwait(false);
                break;
            case "DELETE":
                await JsonAsync(context, json => StatusWriter.WriteCapture(json, StopCapture(FindPort(name)))).ConfigureAwait(false);
                break;
            case "GET":
                await JsonAsync(context, json => StatusWriter.WriteCapture(json, FindCapture(FindPort(name)))).ConfigureAwait(false);
                break;
            default:
                throw new ControlException(StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} takes POST, GET and DELETE, not {context.Request.Method}");
        }
    }

    private PortCapture StartCapture(PortEntry entry, CaptureOptions options)
    {
        Captures captures = daemon.Composition.Captures;
        if (captures.Find(entry.Port) is { IsRunning: true } running)
        {
            throw new ControlException(StatusCodes.Status409Conflict, $"port {entry.Port.Name} is being captured to {running.File} already; end that capture with DELETE first");
        }

        try
        {
            PortCapture capture = captures.Start(entry.Port, options);
            logger.LogInformation("Port {Port} is captured to {File}", entry.Port.Name, options.File);
            return capture;
        }
        catch (PortException e)
        {
            throw new ControlException(StatusCodes.Status400BadRequest, e.Message);
        }
    }

    private PortCapture StopCapture(PortEntry entry)
    {
        PortCapture capture = FindCapture(entry);
        capture.Stop();
        logger.LogInformation("Port {Port} is not captured any more: {Frames} frames are in {File}", entry.Port.Name, capture.Frames, capture.File);
        return capture;
    }

    private PortCapture FindCapture(PortEntry entry) =>
        daemon.Composition.Captures.Find(entry.Port)
        ?? throw new ControlException(StatusCodes.Status404NotFound, $"port {entry.Port.Name} is not captured; POST /ports/{entry.Port.Name}/capture begins a capture");

    private static async Task<ConfigSection> ReadBodyAsync(HttpContext context)
    {
        try
        {
            using JsonDocument document = await JsonDocument.ParseAsync(context.Request.Body, default, context.RequestAborted).ConfigureAwait(false);
            return ConfigSection.Root(document.RootElement.Clone());
        }
        catch (JsonException)
        {
            throw new ControlException(StatusCodes.Status400BadRequest, "the request's body is not valid JSON; an object such as {\"file\": \"/var/lib/vhostnet/guest.pcap\"} is expected");
        }
    }

    private PortEntry FindPort(string name) =>
        daemon.Composition.Ports.FirstOrDefault(p => p.Port.Name == name)
        ?? throw new ControlException(
            StatusCodes.Status404NotFound, $"there is no port \"{name}\"; {Suggestion.Clause(name, [.. daemon.Composition.Ports.Select(p => p.Port.Name)])}");

    private async Task StallAsync(HttpContext context, string thread)
    {
        RequireMethod(context, HttpMethods.Post);
        await OnControlAsync(() =>
        {
            Aio.IoThread found = daemon.Composition.Threads.FirstOrDefault(t => t.Name == thread)
                ?? throw new ControlException(StatusCodes.Status404NotFound, $"there is no thread \"{thread}\"");
            logger.LogWarning("Thread {Thread} is blocked for ever, as a debug request asked for", thread);
            found.Context.ScheduleOneShot(static () => new ManualResetEventSlim().Wait(), "stall");
        }).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private async Task HealthAsync(HttpContext context)
    {
        string stuck = daemon.Watchdog.StuckThreads;
        context.Response.StatusCode = stuck.Length == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(stuck.Length == 0 ? "ok\n" : $"stuck: {stuck}\n").ConfigureAwait(false);
    }

    private async Task MetricsAsync(HttpContext context)
    {
        ScratchBuffer buffer = Rent();
        try
        {
            buffer.Prometheus.Write(daemon.Composition.Sources, buffer.Bytes);
            await SendAsync(context, PrometheusText.ContentType, buffer.Bytes.WrittenMemory).ConfigureAwait(false);
        }
        finally
        {
            Return(buffer);
        }
    }

    private async Task JsonAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        ScratchBuffer buffer = Rent();
        try
        {
            await OnControlAsync(() =>
            {
                write(buffer.Json);
                buffer.Json.Flush();
            }).ConfigureAwait(false);
            buffer.Bytes.Write("\n"u8);
            await SendAsync(context, JsonType, buffer.Bytes.WrittenMemory).ConfigureAwait(false);
        }
        finally
        {
            Return(buffer);
        }
    }

    private static async Task SendAsync(HttpContext context, string type, ReadOnlyMemory<byte> body)
    {
        context.Response.ContentType = type;
        context.Response.ContentLength = body.Length;
        await context.Response.BodyWriter.WriteAsync(body).ConfigureAwait(false);
    }

    private static Task WriteErrorAsync(HttpContext context, int status, string message)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body, ScratchBuffer.JsonOptions))
        {
            json.WriteStartObject();
            json.WriteString("error"u8, message);
            json.WriteEndObject();
        }

        body.Write("\n"u8);
        context.Response.StatusCode = status;
        return SendAsync(context, JsonType, body.WrittenMemory);
    }

    private static void RequireGet(HttpContext context) => RequireMethod(context, HttpMethods.Get);

    private static void RequireMethod(HttpContext context, string method)
    {
        if (!HttpMethods.Equals(context.Request.Method, method))
        {
            throw new ControlException(StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} takes {method}, not {context.Request.Method}");
        }
    }

    // Sessions belong to the control thread; the answer's bytes are made there and sent from here, so that a slow client holds nobody up.
    private async Task OnControlAsync(Action action)
    {
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        daemon.Control.Context.ScheduleOneShot(
            () =>
            {
                try
                {
                    action();
                    done.SetResult();
                }
#pragma warning disable CA1031 // It is thrown again where the request is answered.
                catch (Exception e)
                {
                    done.SetException(e);
                }
#pragma warning restore CA1031
            },
            "control API");
        await done.Task.WaitAsync(TimeSpan.FromSeconds(5)).ConfigureAwait(false);
    }

    private ScratchBuffer Rent() => Interlocked.Exchange(ref _spare, null) ?? new ScratchBuffer();

    private void Return(ScratchBuffer buffer)
    {
        buffer.Clear();
        Volatile.Write(ref _spare, buffer);
    }
}
