using VhostNet.Ctl.Commands;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Tests.Commands;

public sealed class AssignmentsTests
{
    [Theory]
    [InlineData("""{"switch":{"vlan":20}}""", "switch.vlan=20")]
    [InlineData("""{"switch":{"vlan":20,"link":false},"network":"lan"}""", "switch.vlan=20", "switch.link=false", "network=lan")]
    [InlineData("""{"limits":null}""", "limits=null")]
    [InlineData("""{"kind":"null"}""", "kind=null")]
    [InlineData("""{"socket":{"path":"/run/a=b.sock","mode":"0660"}}""", "socket.path=/run/a=b.sock", "socket.mode=0660")]
    [InlineData("""{"addresses":["10.0.2.2/24","fec0::2/64"]}""", "addresses=10.0.2.2/24", "addresses=fec0::2/64")]
    [InlineData("""{"a":["x","y","z"]}""", """a=["x","y"]""", "a=z")]
    [InlineData("""{"hostname":"12"}""", """hostname="12" """)]
    [InlineData("""{"mirror":{"port":"p"},"x":1}""", """{"mirror": {"port": "p"}}""", "x=1")]
    [InlineData("""{"a":""}""", "a=")]
    public void WordsAreAnObject(string expected, params string[] words) => Assert.Equal(expected, Assignments.ToJson(words));

    [Theory]
    [InlineData("KEY=VALUE is expected", "vlan")]
    [InlineData("KEY=VALUE is expected", "=20")]
    [InlineData("a key is missing between the dots", "switch.=20")]
    [InlineData("another word gives switch a value", "switch=1", "switch.vlan=20")]
    [InlineData("begins like a JSON object and is none", "{\"a\"")]
    public void WhatIsNoneIsRefused(string expected, params string[] words)
    {
        CtlException e = Assert.Throws<CtlException>(() => Assignments.ToJson(words));
        Assert.Equal(CtlExit.Wrong, e.Exit);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }
}
