using System.Globalization;

namespace VhostNet.Ctl.Common;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    private static readonly string[] s_prefixes = ["", "k", "M", "G", "T", "P"];

    /// <summary>A number with three digits and an SI prefix: <c>0</c>, <c>950</c>, <c>1.24M</c>.</summary>
    public static string Si(double value)
    {
        int prefix = 0;
        while (Math.Abs(value) >= 999.5 && prefix < s_prefixes.Length - 1)
        {
            value /= 1000;
            prefix++;
        }

        string format = prefix == 0 && value == Math.Floor(value) ? "0" : Math.Abs(value) >= 99.95 ? "0" : Math.Abs(value) >= 9.995 ? "0.0" : "0.00";
        return value.ToString(format, CultureInfo.InvariantCulture) + s_prefixes[prefix];
    }

    /// <summary>Bits per second of bytes per second.</summary>
    public static string Bits(double bytesPerSecond) => Si(bytesPerSecond * 8);

    /// <summary>A part of a whole, in percent.</summary>
    public static string Percent(double part) => (part * 100).ToString(part >= 0.0995 ? "0" : "0.0", CultureInfo.InvariantCulture);

    /// <summary>A whole number with its digits in groups.</summary>
    public static string Grouped(long value) => value.ToString("#,0", CultureInfo.InvariantCulture);

    /// <summary>A span of time in its two greatest units: <c>2 d 3 h</c>.</summary>
    public static string Time(double seconds)
    {
        var time = TimeSpan.FromSeconds(seconds);
        return time.TotalDays >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalDays} d {time.Hours} h")
            : time.TotalHours >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Hours} h {time.Minutes} min")
            : time.TotalMinutes >= 1 ? string.Create(CultureInfo.InvariantCulture, $"{time.Minutes} min {time.Seconds} s")
            : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0} s");
    }

    /// <summary>A count and its noun: <c>1 port</c>, <c>2 ports</c>.</summary>
    public static string Count(long number, string noun) => string.Create(CultureInfo.InvariantCulture, $"{number} {noun}{(number == 1 ? string.Empty : "s")}");
}
