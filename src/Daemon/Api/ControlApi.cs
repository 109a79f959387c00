using System.Buffers;
using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using VhostNet.Aio;
using VhostNet.Daemon.Api.Page;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Hosting;
using VhostNet.Daemon.Logs;
using VhostNet.Daemon.Metrics;
using VhostNet.Daemon.Systemd;
using VhostNet.Daemon.Takeover;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Api;

/// <summary>The control API: HTTP and JSON over a Unix socket. docs/operating.md describes the requests. Any thread.</summary>
internal sealed class ControlApi(
    DaemonService daemon,
    DaemonOptions options,
    LiveChanges changes,
    ControlQueue control,
    ControlAnswers answers,
    CaptureRequests captures,
    LogSinks log,
    TakeOverDesk desk,
    ILogger<ControlApi> logger)
{
    private const string JsonType = "application/json; charset=utf-8";

    private readonly ChangeRequests _changes = new(changes);
    private readonly LogRequests _logs = new(log, logger);
    private readonly PageRequests _page = new(answers);

    /// <summary>Finds a port. Control thread.</summary>
    /// <exception cref="RefusalException">There is none of that name.</exception>
    public static PortEntry FindPort(DaemonService daemon, string name) =>
        daemon.Composition.Ports.FirstOrDefault(p => p.Port.Name == name)
        ?? throw ItemNotFound.Of("port", name, daemon.Composition.Ports.Select(p => p.Port.Name));

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        try
        {
            await RouteAsync(context).ConfigureAwait(false);
        }
        catch (RefusalException e)
        {
            if (e.Kind == RefusalKind.Busy)
            {
                daemon.Watchdog.Wake();
                context.Response.Headers.RetryAfter = HttpStatus.RetryAfterSeconds.ToString(CultureInfo.InvariantCulture);
            }

            await WriteErrorAsync(context, HttpStatus.Of(e.Kind), e.Message).ConfigureAwait(false);
        }
        catch (MethodNotAllowedException e)
        {
            await WriteErrorAsync(context, StatusCodes.Status405MethodNotAllowed, e.Message).ConfigureAwait(false);
        }
        catch (BadHttpRequestException e)
        {
            await WriteErrorAsync(context, e.StatusCode, e.Message).ConfigureAwait(false);
        }
    }

    private Task RouteAsync(HttpContext context)
    {
        if (context.Features.Get<TurnedAway>() is not null)
        {
            context.Response.Headers.Connection = "close";
            throw new RefusalException(RefusalKind.Busy, TurnedAway.Reason);
        }

        string path = context.Request.Path.Value is { Length: > 0 } given ? given : "/";
        switch (path)
        {
            case "/metrics":
                RequireGet(context);
                return MetricsAsync(context);
            case "/health":
                RequireGet(context);
                return HealthAsync(context);
            case "/":
                RequireGet(context);
                return PageRequests.PageAsync(context, daemon.Composition.Sources);
            case "/view.json":
                RequireGet(context);
                return _page.ViewAsync(context, daemon.Composition.Sources);
            case var _ when context.Features.Get<MetricsOnly>() is not null:
                throw new RefusalException(
                    RefusalKind.Missing, $"{path}: this listener serves the page at /, /metrics and /health only; the rest is on the control socket");
            case "/status":
                RequireGet(context);
                return JsonAsync(context, json => StatusWriter.WriteDaemon(json, daemon.Composition, daemon.Watchdog.Stuck, changes.Unsaved));
            case "/take-over":
                return TakeOverAsync(context);
            default:
                string[] parts = path.Split('/');
                return parts switch
                {
                    [_, "ports" or "networks" or "threads", { Length: > 0 }] => ItemAsync(context, parts[1], parts[2]),
                    [_, "ports", { Length: > 0 }, "capture"] => CaptureAsync(context, parts[2]),
                    [_, "ports", { Length: > 0 }, "capture.pcap"] => StreamAsync(context, parts[2]),
                    [_, "log"] => LogAsync(context),
                    [_, "persist"] => PersistAsync(context),
                    [_, "networks", { Length: > 0 }, "addresses"] => AddressesAsync(context, parts[2]),
                    [_, "debug", "stall", { Length: > 0 }] when options.Debug.Stall => StallAsync(context, parts[3]),
                    _ => throw new RefusalException(
                        RefusalKind.Missing,
                        $"{path}: there is no such resource; GET /status shows all, and /ports/NAME, /networks/NAME and /threads/NAME one"),
                };
        }
    }

    private async Task ItemAsync(HttpContext context, string list, string name)
    {
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            // What is gone has no state to show.
            if (!await _changes.MakeAsync(context, list, name).ConfigureAwait(false))
            {
                return;
            }
        }

        await JsonAsync(context, json => WriteItem(json, list, name)).ConfigureAwait(false);
    }

    private void WriteItem(Utf8JsonWriter json, string list, string name)
    {
        Composition composition = daemon.Composition;
        switch (list)
        {
            case "ports":
                StatusWriter.WritePort(json, FindPort(name), composition.Captures);
                break;
            case "networks":
                NetworkStatusWriter.Write(json, FindNetwork(name));
                break;
            default:
                IoThread thread = composition.Threads.FirstOrDefault(t => t.Name == name)
                    ?? throw ItemNotFound.Of("thread", name, composition.Threads.Select(t => t.Name));
                StatusWriter.WriteThread(json, thread);
                break;
        }
    }

    private async Task CaptureAsync(HttpContext context, string name)
    {
        await captures.HandleAsync(context, name).ConfigureAwait(false);
        await JsonAsync(context, json => StatusWriter.WriteCapture(json, captures.Find(name))).ConfigureAwait(false);
    }

    private Task StreamAsync(HttpContext context, string name)
    {
        RequireGet(context);
        return captures.StreamAsync(context, name);
    }

    private async Task LogAsync(HttpContext context)
    {
        await _logs.HandleAsync(context).ConfigureAwait(false);
        await JsonAsync(context, _logs.Write).ConfigureAwait(false);
    }

    private async Task PersistAsync(HttpContext context)
    {
        RequireMethod(context, HttpMethods.Post);
        IReadOnlyList<string> written = await changes.PersistAsync().ConfigureAwait(false);
        await JsonAsync(context, json => ChangeRequests.WritePersisted(json, written)).ConfigureAwait(false);
    }

    private Task AddressesAsync(HttpContext context, string name)
    {
        RequireGet(context);
        return JsonAsync(context, json => NetworkStatusWriter.WriteAddresses(json, FindNetwork(name)));
    }

    private Network FindNetwork(string name) =>
        daemon.Composition.Networks.FirstOrDefault(n => n.Name == name)
        ?? throw ItemNotFound.Of("network", name, daemon.Composition.Networks.Select(n => n.Name));

    private PortEntry FindPort(string name) => FindPort(daemon, name);

    private Task TakeOverAsync(HttpContext context)
    {
        RequireMethod(context, HttpMethods.Post);
        string socket = desk.Open(TakeOverAccess.UserOf(context));
        return JsonAsync(context, json =>
        {
            json.WriteStartObject();
            json.WriteString("socket"u8, socket);
            json.WriteEndObject();
        });
    }

    private async Task StallAsync(HttpContext context, string thread)
    {
        RequireMethod(context, HttpMethods.Post);
        await control.RunAsync(() =>
        {
            IoThread found = daemon.Composition.Threads.Append(daemon.Control).FirstOrDefault(t => t.Name == thread)
                ?? throw new RefusalException(RefusalKind.Missing, $"there is no thread \"{thread}\"");
            logger.Stalled(thread);
            found.Context.ScheduleOneShot(static () => new ManualResetEventSlim().Wait(), "stall");
        }).ConfigureAwait(false);
        context.Response.StatusCode = StatusCodes.Status202Accepted;
    }

    private async Task HealthAsync(HttpContext context)
    {
        // Nothing here belongs to the control thread: this answers also while it hangs, and has the watchdog look once more.
        daemon.Watchdog.Wake();
        IReadOnlyList<StuckThread> stuck = daemon.Watchdog.Stuck;
        context.Response.StatusCode = stuck.Count == 0 ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(stuck.Count == 0 ? "ok\n" : $"stuck: {string.Join("; ", stuck)}\n").ConfigureAwait(false);
    }

    private async Task MetricsAsync(HttpContext context)
    {
        ScratchBuffer buffer = answers.Rent();
        try
        {
            buffer.Prometheus.Write(daemon.Composition.Sources, buffer.Bytes);
            await SendAsync(context, PrometheusText.ContentType, buffer.Bytes.WrittenMemory).ConfigureAwait(false);
        }
        finally
        {
            answers.Return(buffer);
        }
    }

    private async Task JsonAsync(HttpContext context, Action<Utf8JsonWriter> write)
    {
        ScratchBuffer buffer = await answers.WriteAsync(write).ConfigureAwait(false);
        try
        {
            await SendAsync(context, JsonType, buffer.Bytes.WrittenMemory).ConfigureAwait(false);
        }
        finally
        {
            answers.Return(buffer);
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
        using (var json = new Utf8JsonWriter(body, JsonTexts.Indented))
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
            throw new MethodNotAllowedException(context.Request, method);
        }
    }
}
