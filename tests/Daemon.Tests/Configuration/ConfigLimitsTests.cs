using System.Text;
using VhostNet.Daemon.Configuration;

namespace VhostNet.Daemon.Tests.Configuration;

/// <summary>Texts that JSON can write and the kernel can't take, and numbers that would leave too little for what runs.</summary>
public sealed class ConfigLimitsTests
{
    [Theory]
    [InlineData("""{"stateDirectory": "/var/lib\u0000/x", "ports": []}""", "stateDirectory: the text holds a zero byte (\\u0000) after 8 characters, where the kernel would take it to end")]
    [InlineData("""{"ports": [{"name": "a", "kind": "user", "dnsSearch": ["x.org", "y\u0000.org"]}]}""", "ports[0].dnsSearch[1]: the text holds a zero byte (\\u0000) after 1 character")]
    [InlineData("""{"ports": [{"name": "a", "kind": "tap", "interface": "\u0000"}]}""", "ports[0].interface: the text holds a zero byte")]
    [InlineData("""{"ports": [{"name": "a", "ki\u0000nd": "null"}]}""", "ports[0]: a key of this object holds a zero byte")]
    [InlineData("""{"log": {"file": "/tmp/\ud800"}, "ports": []}""", "log.file: the text holds half of a surrogate pair")]
    [InlineData("""{"ports": [{"\udc00": 1}]}""", "a key holds half of a surrogate pair")]
    [InlineData("""{"descriptors": {"reserve": 15}, "ports": []}""", "descriptors.reserve: 15 stands where a whole number from 16 to ")]
    [InlineData("""{"descriptors": {"reserve": 2000000000}, "ports": []}""", "descriptors.reserve: 2000000000 is more than half of the ")]
    [InlineData("""{"ports": [{"name": "a", "kind": "vhost-user", "socket": {"path": "/x"}, "quotas": {"regions": 510}}]}""", "ports[0].quotas.regions: 510 stands where a whole number from 8 to 509")]
    [InlineData("""{"ports": [{"name": "a", "kind": "user", "quotas": {"regions": 5}}]}""", "ports[0].quotas.regions: unknown key; known here: flows, flowsPerSecond, sockets")]
    [InlineData("""{"ports": [{"name": "a", "kind": "user", "quotas": {"flows": 15}}]}""", "ports[0].quotas.flows: 15 stands where a whole number from 16 to 65536")]
    [InlineData("""{"ports": [{"name": "a", "kind": "null", "quotas": {}}]}""", "ports[0].quotas: unknown key")]
    public void ItIsRefusedWithItsPathAndItsRemedy(string text, string expected)
    {
        ConfigException e = Assert.Throws<ConfigException>(() => ConfigReader.Read(Encoding.UTF8.GetBytes(text)));
        Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }
}
