using System.Buffers;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Api;

/// <summary>Has the parameters of an address read as the keys of the configuration are. Any thread.</summary>
internal static class QuerySection
{
    /// <summary>The parameters of a request.</summary>
    public static ConfigSection Of(HttpRequest request)
    {
        var body = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            foreach ((string key, StringValues value) in request.Query)
            {
                json.WriteString(key, value.ToString());
            }

            json.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(body.WrittenMemory);
        return ConfigSection.OfTexts(document.RootElement.Clone(), request.Path.Value ?? "/");
    }
}
