using System.Buffers;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using VhostNet.Daemon.Hosting;
using VhostNet.VirtioNet.Captures;

namespace VhostNet.Daemon.Api;

/// <summary>
/// A capture that is an answer: its file is a pipe, so that a reader which takes nothing costs lost records and nobody's time. A thread of its own carries what
/// comes out of the pipe to the connection.
/// </summary>
internal sealed class CaptureStream : IDisposable
{
    private const int BufferBytes = 64 * 1024;

    // A connection that takes nothing after the capture has ended is let go of.
    private static readonly TimeSpan s_lastWait = TimeSpan.FromSeconds(2);

    private readonly FileDescriptor _pipe;

    private CaptureStream(FileDescriptor pipe, PcapFile file)
    {
        _pipe = pipe;
        File = file;
    }

    /// <summary>Where frames are recorded to.</summary>
    public PcapFile File { get; }

    /// <summary>Makes the pipe.</summary>
    /// <exception cref="ErrnoException">There is no descriptor left.</exception>
    public static CaptureStream Open(CaptureOptions options)
    {
        if (pipe2(out int readEnd, out int writeEnd, O_CLOEXEC) < 0)
        {
            Errno.Last.Throw("pipe2");
        }

        // The writer asks the pipe for room and never waits in it; the reader has nothing else to do.
        _ = fcntl(writeEnd, F_SETFL, O_WRONLY | O_NONBLOCK);
        return new CaptureStream(new FileDescriptor(readEnd), PcapFile.OverPipe(new FileDescriptor(writeEnd), options.File, options.FileOptions));
    }

    /// <summary>Answers a request with what is recorded. Ends when the recording does, or when the connection is gone.</summary>
    public async Task CopyAsync(HttpContext context)
    {
        context.Response.ContentType = "application/vnd.tcpdump.pcap";
        context.Response.Headers.CacheControl = "no-store";
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            // A port without frames is no slow reader.
            rate.MinDataRate = null;
        }

        await context.Response.StartAsync().ConfigureAwait(false);
        using var gone = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted);
        using CancellationTokenRegistration close = gone.Token.Register(File.Close);
        _ = File.Completion.ContinueWith(_ => CancelLater(gone), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        await Task.Factory.StartNew(
            () => Carry(context.Response, gone.Token), CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public void Dispose() => _pipe.Dispose();

    private static void CancelLater(CancellationTokenSource source)
    {
        try
        {
            source.CancelAfter(s_lastWait);
        }
        catch (ObjectDisposedException)
        {
            // Everything was taken already.
        }
    }

    private void Carry(HttpResponse response, CancellationToken gone)
    {
        byte[] buffer = new byte[BufferBytes];
        try
        {
            while (read(_pipe.Value, buffer) is > 0 and nint count)
            {
                response.BodyWriter.Write(buffer.AsSpan(0, (int)count));
                if (response.BodyWriter.FlushAsync(gone).AsTask().GetAwaiter().GetResult().IsCompleted)
                {
                    break;
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // Whoever read it has gone.
        }
        finally
        {
            File.Close();
        }
    }
}
