using System.CommandLine;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl completion SHELL</c>: what a shell sources so that it completes commands, options, and the names of ports.</summary>
internal static class CompletionCommand
{
    private const string Hidden = "complete-line";

    private const string Bash = """
        # bash completion of vhostnetctl: source <(vhostnetctl completion bash)
        _vhostnetctl() {
          local words
          words=$(vhostnetctl complete-line -- "${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
          mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")
        }
        complete -o default -F _vhostnetctl vhostnetctl

        """;

    private const string Zsh = """
        #compdef vhostnetctl
        # zsh completion of vhostnetctl: source <(vhostnetctl completion zsh)
        _vhostnetctl() {
          local -a words_found
          words_found=("${(@f)$(vhostnetctl complete-line -- "$LBUFFER" 2>/dev/null)}")
          if [[ -n "${words_found[1]}" ]]; then compadd -- "${words_found[@]}"; else _files; fi
        }
        compdef _vhostnetctl vhostnetctl

        """;

    private const string Fish = """
        # fish completion of vhostnetctl: vhostnetctl completion fish | source
        complete -c vhostnetctl -a '(vhostnetctl complete-line -- (commandline -cp) 2>/dev/null)'

        """;

    /// <summary>Makes the command.</summary>
    public static Command Make()
    {
        var shell = new Argument<string>("SHELL") { Description = "bash, zsh or fish" };
        shell.AcceptOnlyFromAmong("bash", "zsh", "fish");
        var command = new Command("completion", "print what a shell needs to complete commands and names") { shell };
        command.SetAction(result => Screen.Out.Profile.Out.Writer.Write(result.GetValue(shell) switch
        {
            "bash" => Bash,
            "zsh" => Zsh,
            "fish" => Fish,
            var other => throw new CtlException(CtlExit.Wrong, $"{other}: bash, zsh or fish is expected"),
        }));
        return command;
    }

    /// <summary>Makes the hidden command that the shells call with the line up to the cursor.</summary>
    public static Command MakeHidden()
    {
        var line = new Argument<string>("LINE");
        var command = new Command(Hidden, "print what the last word of a command line may become") { line };
        command.Hidden = true;
        command.SetAction(result =>
        {
            string text = result.GetValue(line)!;
            string word = text[(text.LastIndexOf(' ') + 1)..];
            foreach (string label in RootCommands.Make().Parse(text).GetCompletions(text.Length).Select(c => c.Label).Distinct())
            {
                // Options are offered to who has begun one.
                if (label.StartsWith(word, StringComparison.Ordinal) && (word.StartsWith('-') || label[0] is not ('-' or '/')))
                {
                    Screen.Out.Profile.Out.Writer.WriteLine(label);
                }
            }
        });
        return command;
    }
}
