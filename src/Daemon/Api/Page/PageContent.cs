using System.Globalization;
using System.Net;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using VhostNet.Daemon.Metrics;
using VhostNet.VirtioNet.Frames;

namespace VhostNet.Daemon.Api.Page;

/// <summary>
/// The page at <c>/</c>: one file, in which the present state stands as a table for who runs no script, and a policy that lets nothing else in. Any thread.
/// </summary>
internal static class PageContent
{
    private const string Mark = "<!--TABLE-->";
    private static readonly string s_page = Load();

    /// <summary>What a browser may do with it: its own script and style, by their hashes, and questions to where it came from.</summary>
    public static string Policy { get; } =
        $"default-src 'none'; script-src '{Hash("script")}'; style-src '{Hash("style")}'; connect-src 'self'; base-uri 'none'; " +
        "form-action 'none'; frame-ancestors 'none'";

    /// <summary>The page with the state as it is.</summary>
    public static byte[] Make(MetricSources sources) => Encoding.UTF8.GetBytes(s_page.Replace(Mark, Table(sources), StringComparison.Ordinal));

    private static string Load()
    {
        using Stream resource = Assembly.GetExecutingAssembly().GetManifestResourceStream("page.html")!;
        using var reader = new StreamReader(resource, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    // CSP level 3: the hash of what stands between the tags.
    private static string Hash(string tag)
    {
        int start = s_page.IndexOf($"<{tag}>", StringComparison.Ordinal) + tag.Length + 2;
        int end = s_page.IndexOf($"</{tag}>", StringComparison.Ordinal);
        return $"sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(s_page[start..end])))}";
    }

    private static string Table(MetricSources sources)
    {
        var html = new StringBuilder(
            "<table><tr><th>port</th><th>kind</th><th>network</th><th>state</th><th>frames in</th><th>frames out</th><th>drops</th></tr>\n");
        for (int i = 0; i + 1 < sources.Ports.Length; i += 2)
        {
            PortSource inward = sources.Ports[i];
            inward.Read(out FrameCounters coming);
            sources.Ports[i + 1].Read(out FrameCounters going);
            string[] cells =
            [
                inward.Name, inward.Kind, inward.Network ?? "-", inward.IsUp ? "up" : "down", Text(coming.Frames), Text(going.Frames),
                Text(ViewWriter.Drops(coming) + ViewWriter.Drops(going)),
            ];
            html.Append("<tr>").AppendJoin(string.Empty, cells.Select(c => $"<td>{WebUtility.HtmlEncode(c)}</td>")).Append("</tr>\n");
        }

        return html.Append("</table>").ToString();
    }

    private static string Text(long number) => number.ToString("#,0", CultureInfo.InvariantCulture);
}
