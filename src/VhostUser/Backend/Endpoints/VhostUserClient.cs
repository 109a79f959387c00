using VhostNet.Aio;
using VhostNet.Aio.Timers;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Endpoints;

/// <summary>Connects to a front end that listens, and again after every end, for ever, with growing pauses.</summary>
public sealed class VhostUserClient : VhostUserEndpoint
{
    private readonly AioTimer _timer;
    private long _pauseNs;
    private string? _lastFailure;

    /// <summary>Creates a client; it connects after <see cref="Start"/>.</summary>
    public VhostUserClient(AioContext context, IVhostUserDevice device, VhostUserEndpointOptions options) : base(context, device, options)
    {
        ArgumentNullException.ThrowIfNull(context);
        ArgumentNullException.ThrowIfNull(options);
        if (options.Path is null)
        {
            throw new ArgumentException(
                "A client endpoint needs the path of the front end's socket; an inherited descriptor belongs to a server.", nameof(options));
        }

        _timer = context.CreateTimer(options.Clock, TryConnect);
        _pauseNs = options.ReconnectMinNs;
    }

    /// <inheritdoc/>
    public override void Start()
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        TryConnect();
    }

    /// <inheritdoc/>
    protected override void OnSessionEnded() => Retry();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => _timer.Delete();

    private void TryConnect()
    {
        if (IsDisposed || CurrentSession is not null)
        {
            return;
        }

        try
        {
            if (!DescriptorReserve.HasRoom())
            {
                Quotas.ReserveRefused++;
                LogFailure($"this process has only its reserve of {DescriptorReserve.Reserve} of {DescriptorReserve.Limit} descriptors left (descriptors.reserve)");
                Retry();
                return;
            }

            if (UnixConnector.TryConnect(Options.Path!, out FileDescriptor socket, out Errno error))
            {
                _lastFailure = null;
                BeginSession(socket);
                return;
            }

            LogFailure(error.ToString());
        }
        catch (ErrnoException e)
        {
            LogFailure(e.Message);
        }

        Retry();
    }

    private void Retry()
    {
        if (SessionMadeProgress)
        {
            _pauseNs = Options.ReconnectMinNs;
            SessionMadeProgress = false;
        }

        _timer.Modify(Options.Clock.NowNs + _pauseNs);
        _pauseNs = Math.Min(_pauseNs * 2, Options.ReconnectMaxNs);
    }

    private void LogFailure(string failure)
    {
        // Once per reason, not once per attempt.
        if (failure != _lastFailure)
        {
            _lastFailure = failure;
            Log.Info($"no front end at '{Options.Path}' yet ({failure}); trying again with pauses of up to {Options.ReconnectMaxNs / 1_000_000} ms");
        }
    }
}
