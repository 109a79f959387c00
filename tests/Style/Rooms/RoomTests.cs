namespace VhostNet.Style.Rooms;

/// <summary>One way through the house, inside each project as between them: what lies in a room uses what lies in the rooms before it, and nothing behind it.</summary>
public sealed class RoomTests
{
    public static TheoryData<string> Projects => [.. RoomOrder.All.Select(static o => o.Project)];

    [Theory]
    [MemberData(nameof(Projects))]
    public void RoomsAreUsedOneWay(string project)
    {
        RoomOrder order = RoomOrder.All.Single(o => o.Project == project);
        SourceFile[] own = [.. Repository.Product.Where(f => f.IsIn(project))];
        SourceFile[] below = [.. Repository.Product.Where(f => f.IsIn(["src/LibC", .. RoomOrder.All.TakeWhile(o => o.Project != project).Select(static o => o.Project)]))];
        (string, string, string)[] uses = [.. TypeUses.Of(own, below)];
        Assert.True(uses.Length > own.Length, $"only {uses.Length} uses of types were seen in {own.Length} files");
        Repository.AssertNone(Upward(order, uses), $"In {project} the order of rooms is {string.Join(", ", order.Rooms.Select((_, i) => order.NameOf(i)))}.");
    }

    [Fact]
    public void EveryFileLiesInARoom() => Repository.AssertNone(
        from file in Repository.Product
        let order = RoomOrder.All.SingleOrDefault(o => file.IsIn(o.Project))
        where order is not null && order.RankOf(file.Path) < 0
        select file.Path,
        "New folders get a place in RoomOrder.");

    /// <summary>The canary: a member, a base, a type argument, a name without using and a reference in a comment are all uses.</summary>
    [Theory]
    [InlineData("int Use(Low low) => low.Next.Value;", true)]
    [InlineData("List<VhostNet.X.High.Top> Use() => [];", true)]
    [InlineData("object Use() => new High.Top();", true)]
    [InlineData("/// <see cref=\"High.Top\"/>\nint Use() => 0;", true)]
    [InlineData("object Use() => Unknown.Make<High.Top>(1);", true)]
    [InlineData("int Top => 1; int Use() => Top;", false)]
    [InlineData("Low Use() => new();", false)]
    public void AnUpwardUseIsSeen(string member, bool upward)
    {
        var order = new RoomOrder("src/X", "Low", "High");
        SourceFile[] files =
        [
            new("src/X/Low/Low.cs", "namespace VhostNet.X.Low; public class Low { public Step Next = new(); }"),
            new("src/X/Low/Step.cs", "namespace VhostNet.X.Low; public class Step : Base { }"),
            new("src/X/Low/Base.cs", "namespace VhostNet.X.Low; public class Base { }"),
            new("src/X/High/Top.cs", "namespace VhostNet.X.High; public class Top { }"),
            new("src/X/High/Extra.cs", "namespace VhostNet.X.High; public static class Extra { extension(Low.Step step) { public int Value => 1; } }"),
            new("src/X/Low/User.cs", $"namespace VhostNet.X.Low;\nusing VhostNet.X.High;\npublic class User\n{{\n{member}\n}}"),
        ];
        Assert.Equal(upward, Upward(order, TypeUses.Of(files, [])).Any());
    }

    private static IEnumerable<string> Upward(RoomOrder order, IEnumerable<(string User, string Declaration, string Type)> uses) =>
        from use in uses
        let here = order.RankOf(use.User)
        let there = order.RankOf(use.Declaration)
        where there > here
        select $"{use.User}: {use.Type} is of {order.NameOf(there)}, behind {order.NameOf(here)}";
}
