namespace VhostNet.Aio;

/// <summary>Resumes what awaits on an <see cref="AioContext"/>, on its home thread and in order.</summary>
internal sealed class AioSynchronizationContext(AioContext context) : SynchronizationContext
{
    public AioContext Context { get; } = context;

    public override void Post(SendOrPostCallback d, object? state) => Context.Post(d, state);

    public override void Send(SendOrPostCallback d, object? state)
    {
        if (Context.IsHomeThread)
        {
            d(state);
            return;
        }

        Context.RunAndWait(() => d(state));
    }

    public override SynchronizationContext CreateCopy() => this;
}
