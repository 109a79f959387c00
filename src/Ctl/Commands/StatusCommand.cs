using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl status</c>: how the daemon is, in a few lines.</summary>
internal static class StatusCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        var command = new Command("status", "how the daemon is: health, threads that stand still, changes that a restart would lose, ports that are down");
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult result)
    {
        using ControlClient client = Globals.Client(result);
        (bool healthy, string health) = client.Health();
        byte[] answer;
        try
        {
            answer = client.Send("GET", "/status");
        }
        catch (CtlException e) when (e.Exit == CtlExit.Refused && !healthy)
        {
            // The control thread is what stands still; its health is known all the same.
            throw new CtlException(CtlExit.Unhealthy, health, e);
        }

        if (result.GetValue(Globals.Json))
        {
            Screen.WriteRaw(answer);
        }
        else
        {
            Write(ControlClient.Parse(answer));
        }

        return (int)(healthy ? CtlExit.Success : CtlExit.Unhealthy);
    }

    private static void Write(JsonElement status)
    {
        IReadOnlyList<JsonElement> ports = status.Items("ports");
        Screen.Out.Write(new Text($"vhostnetd {status.Text("version")}, process {status.Text("pid")}, up {Units.Time(status.Real("uptimeSeconds"))}: "));
        bool healthy = status.IsTrue("healthy");
        Screen.Out.Write(new Text(healthy ? "healthy" : "a thread stands still", healthy ? Styles.Good : Styles.Bad));
        Screen.Out.WriteLine();
        long guests = ports.Count(p => p.At("session").ValueKind == JsonValueKind.Object);
        Screen.Out.WriteLine(
            $"{Units.Count(status.Items("threads").Count, "thread")}, {Units.Count(status.Items("networks").Count, "network")}, " +
            $"{Units.Count(ports.Count, "port")}, {Units.Count(guests, "session")}");
        foreach (string stuck in status.Texts("stuck"))
        {
            Screen.Out.Write(new Text($"stuck: {stuck}", Styles.Bad));
            Screen.Out.WriteLine();
        }

        foreach (JsonElement port in ports.Where(p => !p.IsTrue("up")))
        {
            string reason = port.Text("reason") is { Length: > 0 } given ? given : port.Text("kind") == "vhost-user" ? "no guest" : "no reason given";
            Screen.Out.Write(new Text($"down: {port.Text("name")} ({port.Text("kind")}): {reason}", Styles.Quiet));
            Screen.Out.WriteLine();
        }

        if (status.Texts("unsaved") is { Count: > 0 } unsaved)
        {
            Screen.Out.WriteLine($"unsaved: {string.Join(", ", unsaved)} (gone after a restart; vhostnetctl persist writes them to the configuration file)");
        }
    }
}
