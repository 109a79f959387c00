using VhostNet.Aio.Faults;

namespace VhostNet.Aio.Tests;

/// <summary>Notes what it has to answer for.</summary>
internal sealed class FaultOwner(string name) : IFaultOwner
{
    private readonly Lock _lock = new();
    private readonly List<string> _faults = [];

    /// <summary>Runs inside <see cref="Fault"/>.</summary>
    public Action? OnFault { get; set; }

    /// <summary>"callback: message" of each.</summary>
    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (_lock)
            {
                return [.. _faults];
            }
        }
    }

    public void Fault(string callback, Exception exception)
    {
        Assert.Same(this, FaultScope.Current);
        lock (_lock)
        {
            _faults.Add($"{callback}: {exception.Message}");
        }

        OnFault?.Invoke();
    }

    public override string ToString() => name;
}
