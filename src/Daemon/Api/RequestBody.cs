using System.Text.Json;
using Microsoft.AspNetCore.Http;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Api;

/// <summary>Reads the JSON of a request, in which the same is allowed as in the configuration file.</summary>
internal static class RequestBody
{
    /// <summary>Reads the body.</summary>
    /// <param name="context">The request.</param>
    /// <param name="example">What a body looks like, for the error text.</param>
    /// <exception cref="RefusalException">It is no JSON.</exception>
    /// <exception cref="ConfigException">A text in it can't be what it stands for.</exception>
    public static async Task<JsonElement> ReadAsync(HttpContext context, string example)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted).ConfigureAwait(false);
        try
        {
            using JsonDocument document = JsonTexts.Parse(() => JsonDocument.Parse(body.GetBuffer().AsMemory(0, (int)body.Length), ConfigReader.Json));
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            throw new RefusalException(RefusalKind.Wrong, $"the request's body is not valid JSON; an object such as {example} is expected");
        }
    }
}
