using VhostNet.TestKit;

namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>
/// A few lines that speak the raw protocol against a daemon that serves others as well. What must hold for those others is the runner's to check; an attack
/// adds only what it alone can see, as a <see cref="FuzzException"/>. One object for one run.
/// </summary>
internal abstract class Attack : IDisposable
{
    /// <summary>How often the attacked thread waits, as the configuration spells it.</summary>
    public virtual string Poll => "interrupt";

    /// <summary>The limit of descriptors that the daemon is started with; 0 for the limit of this process.</summary>
    public virtual int DescriptorLimit => 0;

    /// <summary>Descriptors that the daemon may open for the attacker by its quotas: the run may be too short to fill them before growth is measured.</summary>
    public virtual int DescriptorQuota => 0;

    /// <summary>Private memory that the daemon may use for the attacker by the same quotas, in bytes.</summary>
    public virtual long ByteQuota => 0;

    /// <summary>Further variables of the daemon's environment.</summary>
    public virtual IReadOnlyDictionary<string, string> Environment(TestDirectory directory) => new Dictionary<string, string>();

    /// <summary>Further networks: elements of the configuration's list.</summary>
    public virtual IEnumerable<object> Networks(TestDirectory directory) => [];

    /// <summary>Further ports: elements of the configuration's list. All are on the thread of the innocent pair unless they say otherwise.</summary>
    public virtual IEnumerable<object> Ports(TestDirectory directory) => [];

    /// <summary>Further top-level keys of the configuration.</summary>
    public virtual IReadOnlyDictionary<string, object> Keys(TestDirectory directory) => new Dictionary<string, object>();

    /// <summary>Called once, when the daemon serves.</summary>
    public virtual void Begin(AttackScene scene)
    {
    }

    /// <summary>Does harm once, within some milliseconds where that is possible. A refusal or a closed connection ends the round and is no finding.</summary>
    /// <exception cref="FuzzException">Something happened that may never happen.</exception>
    public abstract void Round(AttackScene scene);

    /// <summary>Called once at the end, when the daemon still runs.</summary>
    /// <exception cref="FuzzException">Something happened that may never happen.</exception>
    public virtual void End(AttackScene scene)
    {
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives back what the attack made; also when it never began.</summary>
    protected virtual void Release()
    {
    }

    /// <summary>A port of a guest, whose socket is in the directory and has its name.</summary>
    protected static Dictionary<string, object> Guest(TestDirectory directory, string name, string? network = null, object? place = null)
    {
        var port = new Dictionary<string, object> { ["name"] = name, ["kind"] = "vhost-user", ["socket"] = new { path = directory.File($"{name}.sock") } };
        if (network is not null)
        {
            port["network"] = network;
        }

        if (place is not null)
        {
            port["switch"] = place;
        }

        return port;
    }
}
