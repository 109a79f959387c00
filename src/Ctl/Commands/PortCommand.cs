using System.CommandLine;
using System.Text.Json;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl port NAME</c>: all that is known of one port.</summary>
internal static class PortCommand
{
    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        Argument<string> name = Names.Argument("ports", "the port");
        var command = new Command("port", "one port: settings, counters, drops by reason, the guest's session and rings") { name };
        command.SetAction(result =>
        {
            using ControlClient client = Globals.Client(result);
            byte[] answer = client.Send("GET", ControlClient.Address("ports", result.GetValue(name)!));
            if (result.GetValue(Globals.Json))
            {
                Screen.WriteRaw(answer);
            }
            else
            {
                Write(ControlClient.Parse(answer));
            }
        });
        return command;
    }

    private static void Write(JsonElement port)
    {
        Line("port", $"{port.Text("name")} ({port.Text("kind")})");
        Line("state", port.IsTrue("up") ? "up" : $"down{(port.Text("reason") is { Length: > 0 } reason ? $": {reason}" : string.Empty)}");
        Line("network", port.Text("network"));
        Line("threads", string.Join(", ", port.Texts("threads")));
        Line("socket", port.At("socket").Text("path"));
        foreach (JsonProperty label in port.Members("labels"))
        {
            Line($"label {label.Name}", label.Value.ToString());
        }

        WriteSettings(port);
        WriteDirection("in", port.At("in"));
        WriteDirection("out", port.At("out"));
        foreach (JsonProperty quota in port.Members("quotas"))
        {
            Line($"quota {quota.Name}", $"{quota.Value.Text("used")} of {quota.Value.Text("limit")}, {quota.Value.Text("refused")} refused");
        }

        if (port.At("capture") is { ValueKind: JsonValueKind.Object } capture)
        {
            Line("capture", $"{capture.Text("file")}, {Units.Grouped(capture.Number("frames"))} " +
                $"frames{(capture.IsTrue("running") ? string.Empty : $", ended: {capture.Text("ended")}")}");
        }

        WriteSession(port);
        WriteRings(port.Items("rings"));
    }

    private static void WriteSettings(JsonElement port)
    {
        foreach (JsonProperty limit in port.Members("limits").Where(l => l.Value.ValueKind == JsonValueKind.Object))
        {
            Line($"limit {limit.Name}", $"{limit.Value.Text("framesPerSecond")} frames/s, {limit.Value.Text("bytesPerSecond")} bytes/s (0: none)");
        }

        foreach (JsonProperty setting in port.Members("switch").Where(s => s.Value.ValueKind != JsonValueKind.Null))
        {
            string value = setting.Value.ValueKind == JsonValueKind.String ? setting.Value.GetString()! : setting.Value.GetRawText();
            Line($"switch {setting.Name}", string.Join(' ', value.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        }
    }

    private static void WriteDirection(string name, JsonElement direction)
    {
        string drops = string.Join(", ", direction.Members("drops").Select(d => $"{d.Name} {Units.Grouped(d.Value.GetInt64())}"));
        Line(
            name,
            $"{Units.Grouped(direction.Number("frames"))} frames, {Units.Grouped(direction.Number("bytes"))} bytes; now " +
                $"{Units.Si(direction.Real("framesPerSecond"))} frames/s, " +
            $"{Units.Bits(direction.Real("bytesPerSecond"))}bit/s{(drops.Length > 0 ? $"; drops: {drops}" : string.Empty)}");
    }

    private static void WriteSession(JsonElement port)
    {
        if (port.Text("kind") != "vhost-user")
        {
            return;
        }

        JsonElement session = port.At("session");
        if (session.ValueKind != JsonValueKind.Object)
        {
            Line("session", $"none; {port.Text("sessions")} so far");
            return;
        }

        Line("session", $"front end is process {session.Text("process")}; {port.Text("sessions")} so far");
        Line("features", string.Join(' ', session.Texts("features")));
        Line("protocol", string.Join(' ', session.Texts("protocolFeatures")));
        Line("memory", $"{session.Items("memory").Count} regions, {Units.Si(session.Items("memory").Sum(r => r.Real("size")))}B");
    }

    private static void WriteRings(IReadOnlyList<JsonElement> rings)
    {
        if (rings.Count == 0)
        {
            return;
        }

        var table = new TableView("RING", "THREAD", "STATE", "SIZE>", "LAYOUT", "FRAMES>", "DROPS>", "BURSTS>", "KICKS>", "CALLS>", "AVOIDED>", "POLLS>");
        foreach (JsonElement ring in rings)
        {
            string state = ring.Text("broken") is { Length: > 0 } broken ? $"broken:{broken}" : !ring.IsTrue("running") ? "stopped" : ring.IsTrue("enabled")
                ? "runs" : "disabled";
            table.Add(
                $"{ring.Text("queue")}{ring.Text("direction")}", ring.Text("thread"), state, ring.Text("size"), ring.Text("layout"),
                    Units.Si(ring.Real("frames")),
                Units.Si(ring.Members("drops").Sum(d => d.Value.GetInt64())), Units.Si(ring.Real("bursts")), Units.Si(ring.Real("kicks")),
                    Units.Si(ring.Real("calls")),
                Units.Si(ring.Real("callsSuppressed")), Units.Si(ring.Real("polls")));
        }

        table.Write();
    }

    private static void Line(string name, string value)
    {
        if (value.Length > 0)
        {
            Screen.Out.Profile.Out.Writer.WriteLine($"{name,-24}{value}");
        }
    }
}
