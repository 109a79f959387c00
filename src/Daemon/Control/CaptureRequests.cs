using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using VhostNet.Daemon.Hosting;
using VhostNet.VirtioNet.Ports;

namespace VhostNet.Daemon.Control;

/// <summary>Requests that begin, show and end captures of ports.</summary>
internal sealed class CaptureRequests(Captures captures, ILogger logger)
{
    /// <summary>Reads a request; the result does what it asks for, on the control thread.</summary>
    public async Task<Func<PortEntry, PortCapture>> ReadAsync(HttpContext context)
    {
        switch (context.Request.Method)
        {
            case "POST":
                CaptureOptions options = CaptureOptions.Read(
                    Configuration.ConfigSection.Root(await RequestBody.ReadAsync(context, "{\"file\": \"/var/lib/vhostnet/guest.pcap\"}").ConfigureAwait(false)));
                return entry => Start(entry, options);
            case "DELETE":
                return Stop;
            case "GET":
                return Find;
            default:
                throw new ControlException(StatusCodes.Status405MethodNotAllowed, $"{context.Request.Path} takes POST, GET and DELETE, not {context.Request.Method}");
        }
    }

    private PortCapture Start(PortEntry entry, CaptureOptions options)
    {
        if (captures.Find(entry.Port) is { IsRunning: true } running)
        {
            throw new ControlException(StatusCodes.Status409Conflict, $"port {entry.Port.Name} is being captured to {running.File} already; end that capture with DELETE first");
        }

        if (!DescriptorReserve.HasRoom())
        {
            throw new ControlBusyException(TurnedAway.Reason);
        }

        try
        {
            PortCapture capture = captures.Start(entry.Port, options);
            logger.LogInformation("Port {Port} is captured to {File}", entry.Port.Name, options.File);
            return capture;
        }
        catch (PortException e)
        {
            throw new ControlException(StatusCodes.Status400BadRequest, e.Message);
        }
    }

    private PortCapture Stop(PortEntry entry)
    {
        PortCapture capture = Find(entry);
        capture.Stop();
        logger.LogInformation("Port {Port} is not captured any more: {Frames} frames are in {File}", entry.Port.Name, capture.Frames, capture.File);
        return capture;
    }

    private PortCapture Find(PortEntry entry) =>
        captures.Find(entry.Port)
        ?? throw new ControlException(StatusCodes.Status404NotFound, $"port {entry.Port.Name} is not captured; POST /ports/{entry.Port.Name}/capture begins a capture");
}
