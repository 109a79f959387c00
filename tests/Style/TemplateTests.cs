namespace VhostNet.Style;

/// <summary>
/// The template has to stand alone, as <c>dotnet new</c> takes it, and is the sample Rng under another name: what is mended in one is mended in the other.
/// </summary>
public sealed class TemplateTests
{
    [Theory]
    [InlineData("eng/template/NewDeviceDevice.cs", "samples/Rng/RngDevice.cs")]
    [InlineData("eng/template/Program.cs", "samples/Rng/Program.cs")]
    public void TheTemplateIsTheSample(string template, string sample) =>
        Assert.Equal(Code(sample), Code(template).Select(static l => l.Replace("NEWDEVICE", "RNG", StringComparison.Ordinal)));

    // Names of threads and connections are written small in the sample; what the class is for differs.
    private static IEnumerable<string> Code(string path) => Repository.Files.Single(f => f.Path == path).Text
        .Split('\n').Where(static l => !l.StartsWith("///", StringComparison.Ordinal)).Select(static l => l.ToUpperInvariant());
}
