using System.CommandLine;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary><c>vhostnetctl completion SHELL</c>: what a shell sources so that it completes commands, options, and the names of ports.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # bash completion of vhostnetctl: source <(vhostnetctl completion bash)
        _vhostnetctl() {
          local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]}
          mapfile -t COMPREPLY < <(vhostnetctl "[suggest:${#line}]" "$line" 2>/dev/null)
          COMPREPLY=($(compgen -W "${COMPREPLY[*]}" -- "$word"))
        }
        complete -o default -F _vhostnetctl vhostnetctl

        """;

    private const string Zsh = """
        #compdef vhostnetctl
        # zsh completion of vhostnetctl: source <(vhostnetctl completion zsh)
        _vhostnetctl() {
          local line="$LBUFFER"
          local -a found
          found=("${(@f)$(vhostnetctl "[suggest:${#line}]" "$line" 2>/dev/null)}")
          if (( ${#found} )) && [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
        }
        compdef _vhostnetctl vhostnetctl

        """;

    private const string Fish = """
        # fish completion of vhostnetctl: vhostnetctl completion fish | source
        complete -c vhostnetctl -a '(set -l line (commandline -cp); vhostnetctl "[suggest:"(string length -- "$line")"]" "$line" 2>/dev/null)'

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
}
