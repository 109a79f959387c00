using Spectre.Console;

namespace VhostNet.Ctl.Rendering;

/// <summary>The few colours that are used. Nothing is said by colour alone.</summary>
internal static class Styles
{
    /// <summary>Something is as it should be.</summary>
    public static Style Good { get; } = new(Color.Green);

    /// <summary>Something asks for attention.</summary>
    public static Style Bad { get; } = new(Color.Red);

    /// <summary>Something rests.</summary>
    public static Style Quiet { get; } = new(Color.Grey);

    /// <summary>A heading.</summary>
    public static Style Head { get; } = new(decoration: Decoration.Bold);
}
