using System.Text;
using VhostNet.Daemon.Changes;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Live;

/// <summary>What a changed configuration file means for what runs.</summary>
public sealed class ReloadPlanTests
{
    private const string Before = """
        {
          "threads": [{"name": "io0", "poll": "interrupt"}],
          "networks": [{"name": "sw", "kind": "switch"}, {"name": "pair", "kind": "wire"}],
          "ports": [
            {"name": "vm0", "kind": "vhost-user", "network": "sw", "socket": {"path": "/run/vm0.sock"}, "limits": {"in": {"framesPerSecond": 5}}},
            {"name": "eye", "kind": "null", "network": "sw"},
            {"name": "one", "kind": "null", "network": "pair"}, {"name": "two", "kind": "null", "network": "pair"}
          ],
          "control": {"path": "/run/c.sock"}
        }
        """;

    [Fact]
    public void AFileThatIsTheSameAsksForNothing() => AssertPlan(Before.Replace("\n", "\n// a comment\n", StringComparison.Ordinal), [], []);

    [Theory]
    [InlineData("{\"framesPerSecond\": 5}", "{\"framesPerSecond\": 6}", new[] { "ports.vm0" }, new string[0])]
    [InlineData(", \"limits\": {\"in\": {\"framesPerSecond\": 5}}", "", new[] { "ports.vm0" }, new string[0])]
    [InlineData("\"interrupt\"", "\"busy\"", new[] { "threads.io0" }, new string[0])]
    [InlineData("\"kind\": \"switch\"", "\"kind\": \"switch\", \"mirror\": {\"port\": \"eye\"}", new[] { "networks.sw" }, new string[0])]
    [InlineData("\"kind\": \"switch\"", "\"kind\": \"switch\", \"macTableCapacity\": 9", new string[0], new[] { "networks.sw.macTableCapacity" })]
    [InlineData("/run/vm0.sock", "/run/vm1.sock", new string[0], new[] { "ports.vm0.socket" })]
    [InlineData("\"kind\": \"vhost-user\"", "\"kind\": \"vhost-user\", \"queuePairs\": 2, \"switch\": {\"isolated\": true}", new[] { "ports.vm0" }, new[] { "ports.vm0.queuePairs" })]
    [InlineData("\"name\": \"io0\",", "\"name\": \"io0\", \"cpu\": 0,", new string[0], new[] { "threads.io0.cpu" })]
    [InlineData("{\"name\": \"io0\",", "{\"name\": \"io1\"}, {\"name\": \"io0\",", new string[0], new[] { "threads.io1" })]
    [InlineData("{\"name\": \"io0\", \"poll\": \"interrupt\"}", "", new string[0], new[] { "threads.io0" })]
    [InlineData("/run/c.sock\"", "/run/d.sock\"", new string[0], new[] { "control" })]
    [InlineData("\"control\"", "\"stateDirectory\": \"/tmp\", \"metrics\": {\"prometheus\": \"unix:/run/m\"}, \"debug\": {\"stall\": true}, \"control\"", new string[0], new[] { "stateDirectory", "metrics", "debug" })]
    [InlineData("{\"name\": \"eye\", \"kind\": \"null\", \"network\": \"sw\"}", "{\"name\": \"new\", \"kind\": \"null\", \"network\": \"sw\"}", new[] { "ports.eye", "ports.new" }, new string[0])]
    public void ADifferenceIsAStepOrIsNamed(string from, string to, string[] steps, string[] named) =>
        AssertPlan(Before.Replace(from, to, StringComparison.Ordinal), steps, named);

    /// <summary>The order is such that each step fits when its turn comes.</summary>
    [Fact]
    public void AWholeNewTopologyComesInOneGo()
    {
        string file = """
            {
              "networks": [{"name": "lan", "kind": "switch", "mirror": {"port": "eye2"}}, {"name": "sw", "kind": "switch"}],
              "ports": [
                {"name": "vm0", "kind": "vhost-user", "network": "lan", "socket": {"path": "/run/vm0.sock"}},
                {"name": "eye2", "kind": "null", "network": "lan"}
              ],
              "threads": [{"name": "io0", "poll": "interrupt"}],
              "control": {"path": "/run/c.sock"}
            }
            """;
        DaemonOptions now = Read(Before).WithNamesAsPaths();
        ReloadPlan plan = Plan(file);
        Assert.Equal(["networks.lan", "ports.eye", "ports.one", "ports.two", "ports.vm0", "ports.eye2", "networks.pair", "networks.lan"], plan.Steps.Select(s => s.Item));
        Assert.Empty(plan.Fixed);
        Assert.NotNull(plan.Steps[0].Plan(now));
        Assert.Null(plan.Steps[1].Plan(now with { Ports = [] }));
    }

    /// <summary>A limit that was changed over the control API is no business of a file that says the same of it as before.</summary>
    [Fact]
    public void WhatTheFileSaysAsBeforeIsLeftAsItRuns()
    {
        DaemonOptions now = Read(Before).WithNamesAsPaths();
        now = now with { Ports = [.. now.Ports.Where(p => p.Name != "two")] };
        Assert.Empty(Plan(Before).Steps);

        var read = new ReadFile(Read(Before));
        ReadItem vm0 = read.Known["ports.vm0"];
        read.Carried(new ConfigEdit("ports", "vm0", null));
        Assert.Equal("ports.vm0", Assert.Single(new ReloadPlan(read, Read(Before)).Steps).Item);
        read.Carried(new ConfigEdit("ports", "vm0", vm0.Value));
        Assert.Empty(new ReloadPlan(read, Read(Before)).Steps);
    }

    private static DaemonOptions Read(string json) => ConfigReader.Read(Encoding.UTF8.GetBytes(json));

    private static ReloadPlan Plan(string file) => new(new ReadFile(Read(Before)), Read(file));

    private static void AssertPlan(string file, string[] steps, string[] named)
    {
        ReloadPlan plan = Plan(file);
        Assert.Equal(steps, plan.Steps.Select(s => s.Item));
        Assert.Equal(named, plan.Fixed);
        DaemonOptions now = Read(Before).WithNamesAsPaths();
        Assert.All(plan.Steps, s => Assert.NotNull(s.Plan(now)));
    }
}
