using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Api;

/// <summary>Requests that change ports, networks and threads of the running daemon.</summary>
internal sealed class ChangeRequests(LiveChanges changes)
{
    private const string Persist = "persist";

    /// <summary>Makes the change that a request asks for.</summary>
    /// <returns>True when there is something whose state can be shown.</returns>
    /// <exception cref="RefusalException">The request is wrong, or it can't be done; nothing has changed.</exception>
    /// <exception cref="MethodNotAllowedException">Nothing of that list is changed by such a method.</exception>
    public async Task<bool> MakeAsync(HttpContext context, string list, string name)
    {
        Func<DaemonOptions, string, JsonElement, LiveChange> plan = Find(context, list);
        bool persist = ReadPersist(context.Request.Query);
        JsonElement body = HttpMethods.IsDelete(context.Request.Method)
            ? default
            : await RequestBody.ReadAsync(context, list == "threads" ? "{\"poll\": \"busy\"}" : "{\"kind\": …}").ConfigureAwait(false);
        LiveChange change = await changes.MakeAsync(now => plan(now, name, body), persist).ConfigureAwait(false);
        if (change.Edit.Value is null)
        {
            context.Response.StatusCode = StatusCodes.Status204NoContent;
            return false;
        }

        context.Response.StatusCode = change.IsAddition ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        return true;
    }

    /// <summary>Writes what was written to the configuration file.</summary>
    public static void WritePersisted(Utf8JsonWriter json, IReadOnlyList<string> items)
    {
        json.WriteStartObject();
        json.WriteStartArray("persisted"u8);
        foreach (string item in items)
        {
            json.WriteStringValue(item);
        }

        json.WriteEndArray();
        json.WriteEndObject();
    }

    private static Func<DaemonOptions, string, JsonElement, LiveChange> Find(HttpContext context, string list)
    {
        IItemChanges items = ChangeableLists.Of(list);
        return context.Request.Method switch
        {
            "PATCH" => items.Patch,
            _ when items.IsFixed => throw new MethodNotAllowedException(context.Request, "GET and PATCH", $"; {list} are made at the start"),
            "PUT" => items.Put,
            "DELETE" => (now, name, _) => items.Delete(now, name),
            _ => throw new MethodNotAllowedException(context.Request, "GET, PUT, PATCH and DELETE"),
        };
    }

    private static bool ReadPersist(IQueryCollection query)
    {
        bool persist = false;
        foreach ((string key, StringValues value) in query)
        {
            if (key != Persist)
            {
                throw new RefusalException(RefusalKind.Wrong, $"?{key}: unknown parameter; {Suggestion.Clause(key, [Persist])}");
            }

            persist = value.ToString() switch
            {
                "true" or "" => true,
                "false" => false,
                var other => throw new RefusalException(RefusalKind.Wrong, $"?{Persist}={other}: \"true\" or \"false\" is expected"),
            };
        }

        return persist;
    }
}
