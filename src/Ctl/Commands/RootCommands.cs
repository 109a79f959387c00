using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using VhostNet.Ctl.Common;

namespace VhostNet.Ctl.Commands;

/// <summary>The whole command line.</summary>
internal static class RootCommands
{
    /// <summary>Makes it.</summary>
    public static RootCommand Make()
    {
        var root = new RootCommand("Shows and changes what vhostnetd does, over its control socket.")
        {
            Globals.Socket,
            Globals.Json,
            StatusCommand.Make(),
        };
        foreach (Command command in Rest())
        {
            root.Add(command);
        }

        return root;
    }

    /// <summary>Parses arguments and does what they ask for.</summary>
    /// <returns>What the program ends with.</returns>
    /// <exception cref="CtlException">It can't be done.</exception>
    public static int Invoke(string[] arguments)
    {
        RootCommand root = Make();
        ParseResult result = root.Parse(arguments);
        if (result.Errors.Count > 0 && result.Action is ParseErrorAction or null)
        {
            Command command = result.CommandResult.Command;
            string name = command == root ? "vhostnetctl" : $"vhostnetctl {command.Name}";
            if (result.UnmatchedTokens.Count > 0)
            {
                throw new CtlException(CtlExit.Wrong, $"{Unknown(command, result.UnmatchedTokens[0])}; {name} --help lists what there is");
            }

            ParseError error = result.Errors[0];
            throw new CtlException(CtlExit.Wrong, $"{error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; {name} --help lists what there is");
        }

        return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
    }

    private static string Unknown(Command command, string word)
    {
        bool isOption = word.StartsWith('-');
        IEnumerable<string> known = isOption ? command.Options.Concat([Globals.Socket, Globals.Json]).Select(o => o.Name) : command.Subcommands.Select(c =>
            c.Name);
        string what = isOption ? "unknown option" : command is RootCommand ? "unknown command" : "one word too many";
        return Suggestion.For(word, known) is { } best ? $"{word}: {what}, did you mean {best}?" : $"{word}: {what}";
    }

    private static IEnumerable<Command> Rest() =>
    [
        TopCommand.Make(),
        .. ListCommands.Make().Take(1),
        PortCommand.Make(),
        .. ListCommands.Make().Skip(1),
        .. ChangeCommands.Make(),
        LogCommand.Make(),
        CaptureCommand.Make(),
        .. ProgramCommands.Make(),
        RunCommand.Make(),
        CompletionCommand.Make(),
        CompletionCommand.MakeHidden(),
    ];
}
