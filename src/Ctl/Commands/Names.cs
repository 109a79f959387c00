using System.CommandLine;
using System.CommandLine.Completions;
using System.Text.Json;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Commands;

/// <summary>Names of ports, networks and threads on the command line, which the shell completes by asking the daemon.</summary>
internal static class Names
{
    /// <summary>An argument that names something of a list.</summary>
    /// <param name="list">The list: <c>ports</c>, <c>networks</c> or <c>threads</c>.</param>
    /// <param name="description">What it is, for the help.</param>
    public static Argument<string> Argument(string list, string description)
    {
        var argument = new Argument<string>("NAME") { HelpName = "NAME", Description = description };
        argument.CompletionSources.Add(context => Complete(context, list));
        return argument;
    }

    /// <summary>The names in a list of the daemon; none when it can't be asked.</summary>
    public static IEnumerable<CompletionItem> Complete(CompletionContext context, string list)
    {
        try
        {
            using ControlClient client = Globals.Client(context.ParseResult);
            JsonElement status = client.Get("/status");
            return [.. status.Items(list).Select(i => new CompletionItem(i.Text("name")))];
        }
        catch (CtlException)
        {
            return [];
        }
    }
}
