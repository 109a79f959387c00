using System.CommandLine;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary>The commands that change the running daemon: <c>add</c>, <c>set</c>, <c>remove</c> and <c>persist</c>.</summary>
internal static class ChangeCommands
{
    private const string KeysHelp =
        "KEY=VALUE as in the configuration file, with dots into objects: network=lan switch.vlan=20 limits.in.bytesPerSecond=12500000; null removes a key. " +
        "A JSON object in quotes does as well, and - reads one from standard input";

    private static readonly Option<bool> s_persist = new("--persist")
    {
        Description = "write the change to the configuration file too, so that it outlives a restart",
    };

    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> Make()
    {
        yield return Change("add", "PUT", "add a port or a network", "port", "network");
        yield return Change("set", "PATCH", "change keys of a port, a network or a thread while it runs", "port", "network", "thread");
        yield return Remove();
        yield return Persist();
    }

    private static Command Change(string name, string method, string description, params string[] kinds)
    {
        Argument<string> kind = Kind(kinds);
        var item = new Argument<string>("NAME") { HelpName = "NAME", Description = "its name" };
        item.CompletionSources.Add(context => Names.Complete(context, context.ParseResult.GetValue(kind) + "s"));
        var words = new Argument<string[]>("KEY=VALUE") { Description = KeysHelp, Arity = name == "set" ? ArgumentArity.OneOrMore : ArgumentArity.ZeroOrMore };
        var command = new Command(name, description) { kind, item, words, s_persist };
        command.SetAction(result =>
        {
            string[] given = result.GetValue(words) ?? [];
            string json = given is ["-"] ? Console.In.ReadToEnd() : Assignments.ToJson(given);
            string thing = result.GetValue(item)!;
            Send(result, method, Address(result, result.GetValue(kind)!, thing), json,
                $"{result.GetValue(kind)} {thing}: {(name == "add" ? "added" : "changed")}");
        });
        return command;
    }

    private static Command Remove()
    {
        Argument<string> kind = Kind("port", "network");
        var item = new Argument<string>("NAME") { HelpName = "NAME", Description = "its name" };
        item.CompletionSources.Add(context => Names.Complete(context, context.ParseResult.GetValue(kind) + "s"));
        var command = new Command("remove", "remove a port, which ends its guest's session, or a network that has no ports any more") { kind, item, s_persist };
        command.SetAction(result =>
        {
            string thing = result.GetValue(item)!;
            Send(result, "DELETE", Address(result, result.GetValue(kind)!, thing), null, $"{result.GetValue(kind)} {thing}: removed");
        });
        return command;
    }

    private static Command Persist()
    {
        var command = new Command("persist", "write all changes that a restart would lose to the configuration file");
        command.SetAction(result =>
        {
            using ControlClient client = Globals.Client(result);
            byte[] answer = client.Send("POST", "/persist");
            if (result.GetValue(Globals.Json))
            {
                Screen.WriteRaw(answer);
                return;
            }

            IReadOnlyList<string> written = ControlClient.Parse(answer).Texts("persisted");
            Screen.Out.Profile.Out.Writer.WriteLine(written.Count == 0 ? "nothing was unsaved" : $"written: {string.Join(", ", written)}");
        });
        return command;
    }

    private static Argument<string> Kind(params string[] kinds)
    {
        var kind = new Argument<string>(string.Join('|', kinds)) { Description = "what it is" };
        kind.AcceptOnlyFromAmong(kinds);
        return kind;
    }

    private static string Address(ParseResult result, string kind, string name) =>
        ControlClient.Address($"{kind}s", name, result.GetValue(s_persist) ? "?persist=true" : string.Empty);

    private static void Send(ParseResult result, string method, string address, string? json, string done)
    {
        using ControlClient client = Globals.Client(result);
        byte[] answer = client.Send(method, address, json);
        if (result.GetValue(Globals.Json))
        {
            Screen.WriteRaw(answer);
        }
        else
        {
            Screen.Out.Profile.Out.Writer.WriteLine(done);
        }
    }
}
