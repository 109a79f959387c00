namespace VhostNet.Ctl.Top;

/// <summary>What whoever looks has asked for by keys.</summary>
internal sealed class TopView
{
    /// <summary>What rows can be sorted by.</summary>
    public static IReadOnlyList<string> Orders { get; } = ["in", "out", "drops", "name"];

    /// <summary>What rows are sorted by.</summary>
    public string Order { get; private set; } = Orders[0];

    /// <summary>Whether queues are shown below their ports.</summary>
    public bool Queues { get; private set; }

    /// <summary>Whether ports at which nothing happens are left out.</summary>
    public bool OnlyActive { get; private set; }

    /// <summary>Only ports with this in their name, kind or queue's thread; all when it is empty.</summary>
    public string Filter { get; set; } = string.Empty;

    /// <summary>The filter is being typed.</summary>
    public bool IsTyping { get; private set; }

    /// <summary>It is at an end.</summary>
    public bool IsOver { get; private set; }

    /// <summary>Rows that are scrolled away at the top.</summary>
    public int Offset { get; private set; }

    /// <summary>Takes a key.</summary>
    /// <param name="key">The character, or <see cref="ConsoleKeyInfo.Key"/>'s meaning where it has none.</param>
    public void Press(ConsoleKeyInfo key)
    {
        if (IsTyping)
        {
            Type(key);
            return;
        }

        switch (key)
        {
            case { KeyChar: 'q' or 'Q' } or { Key: ConsoleKey.Escape }:
                IsOver = true;
                break;
            case { KeyChar: 's' or 'S' }:
                Order = Orders[(Orders.ToList().IndexOf(Order) + 1) % Orders.Count];
                break;
            case { KeyChar: 't' or 'T' }:
                Queues = !Queues;
                break;
            case { KeyChar: 'a' or 'A' }:
                OnlyActive = !OnlyActive;
                break;
            case { KeyChar: '/' or 'f' }:
                (IsTyping, Filter) = (true, string.Empty);
                break;
            case { Key: ConsoleKey.DownArrow } or { KeyChar: 'j' }:
                Offset++;
                break;
            case { Key: ConsoleKey.UpArrow } or { KeyChar: 'k' }:
                Offset = Math.Max(0, Offset - 1);
                break;
        }
    }

    /// <summary>The rows that are shown, in their order.</summary>
    public IReadOnlyList<TopRow> Arrange(IReadOnlyList<TopRow> rows)
    {
        bool Shown(TopRow port) =>
            (Filter.Length == 0 || port.Port.Contains(Filter, StringComparison.OrdinalIgnoreCase) || port.Kind.Contains(Filter,
                StringComparison.OrdinalIgnoreCase))
            && (!OnlyActive || port.FramesIn + port.FramesOut + port.Drops > 0);
        IEnumerable<TopRow> ports = rows.Where(r => r.Queue.Length == 0 && Shown(r));
        ports = Order switch
        {
            "in" => ports.OrderByDescending(r => r.FramesIn).ThenBy(r => r.Port, StringComparer.Ordinal),
            "out" => ports.OrderByDescending(r => r.FramesOut).ThenBy(r => r.Port, StringComparer.Ordinal),
            "drops" => ports.OrderByDescending(r => r.Drops).ThenBy(r => r.Port, StringComparer.Ordinal),
            _ => ports.OrderBy(r => r.Port, StringComparer.Ordinal),
        };
        ILookup<string, TopRow> queues = rows.Where(r => r.Queue.Length > 0).ToLookup(r => r.Port);
        List<TopRow> arranged = [.. ports.SelectMany(p => queues[p.Port].Prepend(p))];
        Offset = Math.Clamp(Offset, 0, Math.Max(0, arranged.Count - 1));
        return arranged;
    }

    private void Type(ConsoleKeyInfo key)
    {
        switch (key.Key)
        {
            case ConsoleKey.Enter:
                IsTyping = false;
                break;
            case ConsoleKey.Escape:
                (IsTyping, Filter) = (false, string.Empty);
                break;
            case ConsoleKey.Backspace:
                Filter = Filter.Length > 0 ? Filter[..^1] : Filter;
                break;
            default:
                Filter += char.IsControl(key.KeyChar) ? string.Empty : key.KeyChar;
                break;
        }
    }
}
