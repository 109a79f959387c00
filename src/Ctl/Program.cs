using VhostNet.Ctl.Commands;
using VhostNet.Ctl.Common;
using VhostNet.Ctl.Rendering;

try
{
    return RootCommands.Invoke(args);
}
catch (CtlException e)
{
    Screen.Say(e.Message);
    return (int)e.Exit;
}
#pragma warning disable CA1031 // The last place where a defect can be reported.
catch (Exception e)
{
    Screen.Say($"internal error, please report it: {e}");
    return (int)CtlExit.Internal;
}
#pragma warning restore CA1031
