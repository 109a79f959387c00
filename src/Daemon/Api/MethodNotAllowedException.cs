using Microsoft.AspNetCore.Http;

namespace VhostNet.Daemon.Api;

#pragma warning disable CA1032 // The standard constructors would allow one without a request.
/// <summary>A request's method is none of those that its address takes (405).</summary>
/// <param name="request">The request.</param>
/// <param name="taken">The methods that it takes, as in <c>GET and PATCH</c>.</param>
/// <param name="reason">Why, as the end of the sentence; empty when that is plain.</param>
internal sealed class MethodNotAllowedException(HttpRequest request, string taken, string reason = "")
    : Exception($"{request.Path} takes {taken}, not {request.Method}{reason}");
#pragma warning restore CA1032
