namespace VhostNet.Abi.Tests;

/// <summary>A C compiler checks every struct and every constant against the system's headers.</summary>
public sealed class AbiTests
{
    private static readonly (string Architecture, string Compiler)[] s_targets = [("x86_64", "gcc"), ("aarch64", "aarch64-linux-gnu-gcc")];

    public static TheoryData<string, string> Cases()
    {
        TheoryData<string, string> data = [];
        foreach (AbiUnit unit in AbiTable.Units)
        {
            foreach ((string architecture, _) in s_targets)
            {
                data.Add(unit.Name, architecture);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void LayoutsAndConstantsAreThoseOfTheHeaders(string unit, string architecture)
    {
        CProgram program = new(AbiTable.Units.Single(u => u.Name == unit), architecture);
        Assert.True(program.Assertions > 0);
        string errors = program.Compile(CompilerFor(architecture));
        Assert.True(errors.Length == 0, errors);
    }

    /// <summary>A check that can't fail is none.</summary>
    [Theory]
    [InlineData("x86_64")]
    [InlineData("aarch64")]
    public void AWrongNumberIsFound(string architecture)
    {
        foreach (string wrong in (string[])["(long long)(EINTR) == 5ll", "sizeof(struct pollfd) == 7", "offsetof(struct msghdr, msg_iov) == 8", "offsetof(struct pollfd, no_such_field) == 0"])
        {
            CProgram program = new(AbiTable.Units[0], architecture);
            program.Assert(wrong);
            Assert.Contains("error", program.Compile(CompilerFor(architecture)), StringComparison.Ordinal);
        }
    }

    /// <summary>The architectures differ where they should: nothing of one reached the other.</summary>
    [Fact]
    public void EpollEventsArePackedOnX86Only()
    {
        Assert.Contains("sizeof(struct epoll_event) == 12", new CProgram(AbiTable.Units[0], "x86_64").Text, StringComparison.Ordinal);
        Assert.Contains("sizeof(struct epoll_event) == 16", new CProgram(AbiTable.Units[0], "aarch64").Text, StringComparison.Ordinal);
        Assert.True(new CProgram(AbiTable.Units[0], "x86_64").Assertions > 500);
    }

    private static string CompilerFor(string architecture)
    {
        string compiler = s_targets.Single(t => t.Architecture == architecture).Compiler;
        string path = Environment.GetEnvironmentVariable("PATH") ?? string.Empty;
        Assert.True(path.Split(':').Any(folder => File.Exists(Path.Combine(folder, compiler))), $"{compiler} is not installed; eng/install.sh installs it.");
        return compiler;
    }
}
