using System.Text;
using System.Text.Json;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Live;

/// <summary>What requests mean, and with which words wrong ones are refused.</summary>
public sealed class LivePlanTests
{
    private static readonly DaemonOptions s_now = ConfigReader.Read(Encoding.UTF8.GetBytes("""
        {
          "threads": [{"name": "io0", "pollMaxMicroseconds": 20, "cpu": 0}],
          "networks": [{"name": "sw", "kind": "switch", "mirror": {"port": "eye"}}, {"name": "pair", "kind": "wire"}],
          "ports": [
            {"name": "vm0", "kind": "vhost-user", "network": "sw", "mtu": 1500, "socket": {"path": "/run/vm0.sock"}, "switch": {"mode": "access", "vlan": 7, "isolated": true}},
            {"name": "eye", "kind": "null", "network": "sw"},
            {"name": "one", "kind": "null", "network": "pair"}, {"name": "two", "kind": "null", "network": "pair"}
          ],
          "control": {"path": "/run/c.sock"}
        }
        """)).WithNamesAsPaths();

    [Theory]
    [InlineData("PUT", "ports/x", """{"knid": "null"}""", "ports.x.kind: is missing; it is one of vhost-user, user")]
    [InlineData("PUT", "ports/x", """{"kind": "null", "netwrok": "sw"}""", "ports.x.netwrok: unknown key; did you mean \"network\"?")]
    [InlineData("PUT", "ports/x", """{"kind": "null", "network": "wire"}""", "ports.x.network: there is no network \"wire\"; known here: pair, sw")]
    [InlineData("PUT", "ports/x", """{"kind": "null", "network": "pair"}""", "networks.pair: the wire \"pair\" has 3 ports")]
    [InlineData("PUT", "ports/x", """{"kind": "null", "name": "y"}""", "ports.x.name: \"y\" stands where \"x\" is expected; leave it out")]
    [InlineData("PUT", "ports/-x", """{"kind": "null"}""", "ports.-x.name: \"-x\" can't be a name")]
    [InlineData("PUT", "ports/x", "[]", "ports.x: a list stands where an object {…} is expected")]
    [InlineData("PUT", "ports/x", """{"kind": "null", "threads": "io7"}""", "ports.x.threads: there is no thread \"io7\"; did you mean \"io0\"?")]
    [InlineData("PUT", "ports/x", """{"kind": "vhost-user", "socket": {"fd": 5}}""", "ports.x.socket.fd: descriptors are inherited at the start only")]
    [InlineData("PUT", "ports/x", """{"kind": "tap", "fds": [5]}""", "ports.x.fds: descriptors are inherited at the start only")]
    [InlineData("PUT", "ports/x", """{"kind": "vhost-user", "socket": {"path": "/run/vm0.sock"}}""", "ports: two of them have \"socket.path\" /run/vm0.sock")]
    [InlineData("PUT", "ports/one", """{"kind": "generator"}""", "ports.one.kind: can't be changed while it runs (it is \"null\"), only network, limits, switch can; to have it otherwise, DELETE /ports/one and PUT it again")]
    [InlineData("PATCH", "ports/vm1", "{}", "there is no port \"vm1\"; did you mean \"vm0\"?")]
    [InlineData("PATCH", "ports/vm0", """{"mtu": 9000}""", "ports.vm0.mtu: can't be changed while it runs (it is 1500)")]
    [InlineData("PATCH", "ports/vm0", """{"queuePairs": 2}""", "ports.vm0.queuePairs: can't be changed while it runs (it is not set)")]
    [InlineData("PATCH", "ports/vm0", """{"mtu": 9}""", "ports.vm0.mtu: 9 stands where a whole number from 68 to 65535 is expected")]
    [InlineData("PATCH", "ports/vm0", """{"limit": {}}""", "ports.vm0.limit: unknown key; did you mean \"limits\"?")]
    [InlineData("PATCH", "ports/vm0", """{"limits": {"in": {"framesPerSecnd": 1}}}""", "ports.vm0.limits.in.framesPerSecnd: unknown key; did you mean \"framesPerSecond\"?")]
    [InlineData("PATCH", "ports/vm0", """{"switch": {"vlan": 5000}}""", "ports.vm0.switch.vlan: 5000 stands where a whole number from 1 to 4094 is expected")]
    [InlineData("PATCH", "ports/vm0", """{"switch": {"mode": "trunk"}}""", "ports.vm0.switch.vlan: belongs to \"mode\": \"access\"; a trunk has \"vlans\" and \"nativeVlan\"")]
    [InlineData("PATCH", "ports/eye", """{"switch": {"vlans": [5]}}""", "ports.eye.switch.vlans: VLAN 0, that of untagged frames, is not among them")]
    [InlineData("PATCH", "ports/vm0", """{"network": "pair"}""", "ports.vm0.switch: applies to a port whose network is of \"kind\": \"switch\" only")]
    [InlineData("PATCH", "ports/eye", """{"network": null}""", "networks.sw.mirror: the switch has no port \"eye\"")]
    [InlineData("DELETE", "ports/eye", null, "port eye is part of the mirror of switch sw; end that first with PATCH /networks/sw {\"mirror\": null}")]
    [InlineData("PUT", "networks/x", """{"kind": "bus"}""", "networks.x.kind: \"bus\" is unknown; known here: hairpin, switch, wire")]
    [InlineData("PUT", "networks/x", """{"kind": "switch", "mirror": {"port": "eye"}}""", "networks.x.mirror: the switch has no port \"eye\"; it has none at all")]
    [InlineData("PATCH", "networks/sw", """{"mirror": {"port": "vm"}}""", "networks.sw.mirror: the switch has no port \"vm\"; did you mean \"vm0\"?")]
    [InlineData("PATCH", "networks/sw", """{"macTableCapacity": 5}""", "networks.sw.macTableCapacity: can't be changed while it runs (it is not set), only mirror can")]
    [InlineData("PATCH", "networks/pair", """{"mirror": {"port": "one"}}""", "networks.pair.mirror: unknown key")]
    [InlineData("DELETE", "networks/pair", null, "network pair joins one, two; DELETE these ports first, or PATCH them to another \"network\"")]
    [InlineData("DELETE", "networks/x", null, "there is no network \"x\"; known here: pair, sw")]
    [InlineData("PATCH", "threads/io0", """{"poll": "bussy"}""", "threads.io0.poll: \"bussy\" is unknown; did you mean \"busy\"?")]
    [InlineData("PATCH", "threads/io0", """{"poll": "busy"}""", "threads.io0.pollMaxMicroseconds: applies to \"poll\": \"adaptive\" only; leave it out")]
    [InlineData("PATCH", "threads/io0", """{"cpu": 1}""", "threads.io0.cpu: can't be changed while the thread runs (it is 0)")]
    [InlineData("PATCH", "threads/io9", "{}", "there is no thread \"io9\"; did you mean \"io0\"?")]
    public void AWrongRequestIsRefusedInOneSentence(string method, string what, string? body, string expected)
    {
        Exception e = Assert.ThrowsAny<Exception>(() => Plan(method, what, body));
        Assert.True(e is RefusalException { Kind: RefusalKind.Wrong or RefusalKind.Missing or RefusalKind.Conflict }, e.ToString());
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Theory]
    [InlineData("""{"switch": {"isolated": false}}""", """{"mode": "access", "vlan": 7, "isolated": false}""")]
    [InlineData("""{"switch": {"mode": "trunk", "vlan": null}}""", """{"mode": "trunk", "isolated": true}""")]
    [InlineData("""{"switch": {"pinnedMacs": ["02:00:00:00:00:01"]}}""", """{"mode": "access", "vlan": 7, "isolated": true, "pinnedMacs": ["02:00:00:00:00:01"]}""")]
    public void APatchIsMergedWithWhatIsThere(string patch, string expected)
    {
        LiveChange change = Plan("PATCH", "ports/vm0", patch);
        Assert.True(JsonElement.DeepEquals(Parse(expected), change.Edit.Value!.Value.GetProperty("switch")), change.Edit.Value.ToString());
        Assert.Equal(1500, change.Edit.Value.Value.GetProperty("mtu").GetInt32());
    }

    [Fact]
    public void WhatIsPutMayBeThereAlready()
    {
        Assert.True(Plan("PUT", "ports/new", """{"kind": "null"}""").IsAddition);
        LiveChange change = Plan("PUT", "ports/two", """{"kind": "null", "network": "sw", "switch": {"link": false}}""");
        Assert.False(change.IsAddition);
        Assert.Equal("ports.two", change.Item);
    }

    private static LiveChange Plan(string method, string what, string? body)
    {
        string[] parts = what.Split('/');
        JsonElement json = body is null ? default : Parse(body);
        IItemChanges list = ChangeableLists.Of(parts[0]);
        return method switch
        {
            "PUT" => list.Put(s_now, parts[1], json),
            "PATCH" => list.Patch(s_now, parts[1], json),
            _ => list.Delete(s_now, parts[1]),
        };
    }

    private static JsonElement Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return document.RootElement.Clone();
    }
}
