using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl log [LEVEL [SOURCE]]</c>: what the daemon logs, from now on.</summary>
internal static class LogCommand
{
    private const string Default = "default";

    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        var level = new Argument<string?>("LEVEL")
        {
            HelpName = "LEVEL",
            Description = "trace, debug, info, warning or error; default takes a source's own level away",
            Arity = ArgumentArity.ZeroOrOne,
        };
        level.CompletionSources.Add("trace", "debug", "info", "warning", "error", Default);
        var source = new Argument<string?>("SOURCE")
        {
            HelpName = "SOURCE",
            Description = "the source, for example VhostNet.VhostUser; all without it",
            Arity = ArgumentArity.ZeroOrOne,
        };
        source.CompletionSources.Add(context =>
        {
            try
            {
                using ControlClient client = Globals.Client(context.ParseResult);
                return client.Get("/log").Texts("known").Select(s => new System.CommandLine.Completions.CompletionItem(s)).ToList();
            }
            catch (CtlException)
            {
                return [];
            }
        });
        var command = new Command("log", "show or set what is logged, until the configuration file is read again or the daemon ends") { level, source };
        command.SetAction(result => Run(result, result.GetValue(level), result.GetValue(source)));
        return command;
    }

    private static void Run(ParseResult result, string? level, string? source)
    {
        using ControlClient client = Globals.Client(result);
        byte[] answer = level is null ? client.Send("GET", "/log") : client.Send("PATCH", "/log", Body(level, source));
        if (result.GetValue(Globals.Json))
        {
            Screen.WriteRaw(answer);
            return;
        }

        JsonElement levels = ControlClient.Parse(answer);
        var table = new TableView("SOURCE", "LEVEL");
        table.Add("all", levels.Text("level"));
        foreach (string known in levels.Texts("known"))
        {
            table.Add(known, levels.At("sources").Text(known) is { Length: > 0 } own ? own : Default);
        }

        table.Write();
    }

    private static string Body(string level, string? source)
    {
        var body = new JsonObject();
        if (source is null)
        {
            body["level"] = level;
        }
        else
        {
            body["sources"] = new JsonObject { [source] = level == Default ? null : level };
        }

        return body.ToJsonString();
    }
}
