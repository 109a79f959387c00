using Spectre.Console;

namespace VhostNet.Ctl.Rendering;

/// <summary>A table without lines, whose rows a script can take apart: columns stand two blanks apart, numbers to the right.</summary>
internal sealed class TableView
{
    private static readonly Style s_head = new(decoration: Decoration.Bold);
    private readonly Table _table = new() { Border = TableBorder.None, ShowRowSeparators = false, UseSafeBorder = true };

    /// <summary>Makes a table.</summary>
    /// <param name="columns">Its columns; a name that ends in <c>&gt;</c> is one of numbers.</param>
    public TableView(params string[] columns)
    {
        for (int i = 0; i < columns.Length; i++)
        {
            bool isNumber = columns[i].EndsWith('>');
            var column = new TableColumn(new Text(columns[i].TrimEnd('>'), s_head))
            {
                Alignment = isNumber ? Justify.Right : Justify.Left,
                NoWrap = i < columns.Length - 1,
                Padding = new Padding(0, 0, i < columns.Length - 1 ? 2 : 0, 0),
            };
            _table.AddColumn(column);
        }
    }

    /// <summary>How many rows there are.</summary>
    public int Count => _table.Rows.Count;

    /// <summary>The table, to be part of something greater.</summary>
    public Table Inner => _table;

    /// <summary>Adds a row. What is empty becomes a dash, so that every row has as many words as columns.</summary>
    public void Add(params string[] cells) => _table.AddRow(cells.Select(c => new Text(c.Length == 0 ? "-" : c)));

    /// <summary>Adds a row in a style.</summary>
    public void Add(Style style, params string[] cells) => _table.AddRow(cells.Select(c => new Text(c.Length == 0 ? "-" : c, style)));

    /// <summary>Writes it.</summary>
    public void Write() => Screen.Out.Write(_table);
}
