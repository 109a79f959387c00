using Microsoft.AspNetCore.Http;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Metrics;

namespace VhostNet.Daemon.Api.Page;

/// <summary>
/// Answers whoever looks with a browser: the page, and what it draws. Read only. Whoever came over TCP has to have asked for this machine by a name of its own:
/// otherwise a page of somebody else, whose name leads here (DNS rebinding), could read along. Any thread.
/// </summary>
internal sealed class PageRequests(ControlAnswers answers)
{
    /// <summary>Sends the page.</summary>
    /// <exception cref="RefusalException">It was asked for by another machine's name.</exception>
    public static async Task PageAsync(HttpContext context, MetricSources sources)
    {
        CheckHost(context);
        IHeaderDictionary headers = context.Response.Headers;
        headers.ContentSecurityPolicy = PageContent.Policy;
        headers["X-Content-Type-Options"] = "nosniff";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
        byte[] page = PageContent.Make(sources);
        context.Response.ContentType = "text/html; charset=utf-8";
        context.Response.ContentLength = page.Length;
        await context.Response.BodyWriter.WriteAsync(page).ConfigureAwait(false);
    }

    /// <summary>Sends what the page draws.</summary>
    /// <exception cref="RefusalException">It was asked for by another machine's name.</exception>
    public async Task ViewAsync(HttpContext context, MetricSources sources)
    {
        CheckHost(context);
        ScratchBuffer buffer = answers.Rent();
        try
        {
            ViewWriter.Write(buffer.Json, sources);
            buffer.Json.Flush();
            context.Response.Headers.CacheControl = "no-store";
            context.Response.ContentType = "application/json; charset=utf-8";
            context.Response.ContentLength = buffer.Bytes.WrittenCount;
            await context.Response.BodyWriter.WriteAsync(buffer.Bytes.WrittenMemory).ConfigureAwait(false);
        }
        finally
        {
            answers.Return(buffer);
        }
    }

    private static void CheckHost(HttpContext context)
    {
        // Over a Unix socket nobody is led here by a name.
        if (context.Connection.LocalIpAddress is null || context.Request.Host.Host is "localhost" or "127.0.0.1" or "[::1]")
        {
            return;
        }

        throw new RefusalException(
            RefusalKind.Wrong, $"\"{context.Request.Host.Host}\" is no name of this machine's loopback; ask for localhost, 127.0.0.1 or [::1]");
    }
}
