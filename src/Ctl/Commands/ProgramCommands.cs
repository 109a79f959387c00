using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using VhostNet.Ctl.Client;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

namespace VhostNet.Ctl.Commands;

/// <summary>The commands that need the daemon's program and no running daemon: <c>check</c> and <c>schema</c>.</summary>
internal static class ProgramCommands
{
    /// <summary>Makes the commands.</summary>
    public static IEnumerable<Command> Make()
    {
        var file = new Argument<string>("FILE") { Description = "the configuration file" };
        var check = new Command("check", "check a configuration file, by the daemon's program and without a running daemon") { file };
        check.SetAction(result => Check(result.GetValue(file)!, result.GetValue(Globals.Json)));
        yield return check;

        var schema = new Command("schema", "print the JSON schema of the configuration file, for editors and other checkers");
        schema.SetAction(_ =>
        {
            (int status, string output, string error) = DaemonProgram.Run("--print-schema");
            Screen.WriteRaw(Encoding.UTF8.GetBytes(status == 0 ? output : throw Failed(status, error)));
        });
        yield return schema;
    }

    private static int Check(string file, bool json)
    {
        (int status, string output, string error) = DaemonProgram.Run("--config", file, "--check-config");
        if (json)
        {
            var answer = new JsonObject { ["file"] = file, ["correct"] = status == 0 };
            if (status != 0)
            {
                answer["error"] = Sentence(error);
            }

            Screen.WriteRaw(Encoding.UTF8.GetBytes(answer.ToJsonString() + "\n"));
            return (int)(status == 0 ? CtlExit.Success : ExitOf(status));
        }

        if (status != 0)
        {
            throw Failed(status, error);
        }

        Screen.WriteRaw(Encoding.UTF8.GetBytes(output));
        return (int)CtlExit.Success;
    }

    private static CtlException Failed(int status, string error) => new(ExitOf(status), Sentence(error));

    private static CtlExit ExitOf(int status) => status is 2 or 3 ? (CtlExit)status : CtlExit.Internal;

    private static string Sentence(string error)
    {
        string line = error.Trim();
        const string prefix = "vhostnetd: ";
        return line.StartsWith(prefix, StringComparison.Ordinal) ? line[prefix.Length..] : line;
    }
}
