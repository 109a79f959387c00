using System.CommandLine;
using System.Text;
using System.Text.Json;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary>The commands that show lists: <c>ports</c>, <c>networks</c>, <c>threads</c>, <c>flows</c> and <c>addresses</c>.</summary>
internal static class ListCommands
{
    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> Make()
    {
        yield return Of("ports", "all ports: kind, network, rates of the last second, drops", "ports", WritePorts);
        yield return Of("networks", "all networks: kind, ports, addresses that a switch knows", "networks", WriteNetworks);
        yield return Of("threads", "all threads: how they poll, how often they slept, gaps", "threads", WriteThreads);
        yield return Of("flows", "what guests make the daemon keep, by quota: flows and sockets of user ports, descriptors and regions of front ends",
            "ports", WriteFlows);
        yield return Addresses();
    }

    private static Command Of(string name, string description, string list, Action<IReadOnlyList<JsonElement>> write)
    {
        var command = new Command(name, description);
        command.SetAction(result =>
        {
            using ControlClient client = Globals.Client(result);
            JsonElement status = client.Get("/status");
            if (result.GetValue(Globals.Json))
            {
                JsonElement items = status.At(list);
                Screen.WriteRaw(Encoding.UTF8.GetBytes((items.ValueKind == JsonValueKind.Array ? items.GetRawText() : "[]") + "\n"));
            }
            else
            {
                write(status.Items(list));
            }
        });
        return command;
    }

    private static Command Addresses()
    {
        Argument<string> name = Names.Argument("networks", "the switch");
        var command = new Command("addresses", "the addresses that a switch knows") { name };
        command.SetAction(result =>
        {
            using ControlClient client = Globals.Client(result);
            byte[] answer = client.Send("GET", ControlClient.Address("networks", result.GetValue(name)!, "/addresses"));
            if (result.GetValue(Globals.Json))
            {
                Screen.WriteRaw(answer);
                return;
            }

            var table = new TableView("ADDRESS", "VLAN>", "PORT", "KIND", "AGE/S>");
            foreach (JsonElement entry in ControlClient.Parse(answer).EnumerateArray())
            {
                bool isStatic = entry.IsTrue("static");
                table.Add(entry.Text("address"), entry.Text("vlan"), entry.Text("port"), isStatic ? "static" : "learned", isStatic ? string.Empty
                    : entry.Text("ageSeconds"));
            }

            table.Write();
        });
        return command;
    }

    private static void WritePorts(IReadOnlyList<JsonElement> ports)
    {
        var table = new TableView("PORT", "KIND", "NETWORK", "STATE", "IN/s>", "IN bit/s>", "OUT/s>", "OUT bit/s>", "DROPS>", "FAULTS>");
        foreach (JsonElement port in ports)
        {
            JsonElement inward = port.At("in");
            JsonElement outward = port.At("out");
            bool up = port.IsTrue("up");
            string[] cells =
            [
                port.Text("name"), port.Text("kind"), port.Text("network"), up ? "up" : "down", Units.Si(inward.Real("framesPerSecond")),
                Units.Bits(inward.Real("bytesPerSecond")), Units.Si(outward.Real("framesPerSecond")), Units.Bits(outward.Real("bytesPerSecond")),
                Units.Grouped(Drops(inward) + Drops(outward)), port.Text("faults"),
            ];
            if (up)
            {
                table.Add(cells);
            }
            else
            {
                table.Add(Styles.Quiet, cells);
            }
        }

        table.Write();
    }

    private static void WriteNetworks(IReadOnlyList<JsonElement> networks)
    {
        var table = new TableView("NETWORK", "KIND", "ADDRESSES>", "REFUSED>", "MIRROR", "PORTS");
        foreach (JsonElement network in networks)
        {
            string addresses = network.Text("kind") == "switch" ? $"{network.Text("addresses")}/{network.Text("macTableCapacity")}" : string.Empty;
            table.Add(
                network.Text("name"), network.Text("kind"), addresses, network.Text("addressesRefused"), network.At("mirror").Text("port"),
                string.Join(",", network.Texts("ports")));
        }

        table.Write();
    }

    private static void WriteThreads(IReadOnlyList<JsonElement> threads)
    {
        var table = new TableView("THREAD", "POLL", "LOOPS>", "SLEEPS>", "WAKE-UPS>", "AVOIDED>", "GAPS>", "LONGEST GAP/ms>");
        foreach (JsonElement thread in threads)
        {
            table.Add(
                thread.Text("name"), thread.Text("poll"), Units.Si(thread.Real("loops")), Units.Si(thread.Real("sleeps")),
                    Units.Si(thread.Real("notifierWrites")),
                Units.Si(thread.Real("notifierWritesAvoided")), thread.Text("gaps"), Units.Si(thread.Real("gapMaxNanoseconds") / 1e6));
        }

        table.Write();
    }

    private static void WriteFlows(IReadOnlyList<JsonElement> ports)
    {
        var table = new TableView("PORT", "KIND", "WHAT", "USED>", "LIMIT>", "REFUSED>");
        foreach (JsonElement port in ports)
        {
            foreach (JsonProperty quota in port.Members("quotas"))
            {
                table.Add(
                    port.Text("name"), port.Text("kind"), quota.Name, quota.Value.Text("used"), quota.Value.Text("limit"), quota.Value.Text("refused"));
            }
        }

        table.Write();
    }

    private static long Drops(JsonElement direction) => direction.Members("drops").Sum(d => d.Value.GetInt64());
}
