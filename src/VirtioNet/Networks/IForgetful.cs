namespace VhostNet.VirtioNet.Networks;

/// <summary>Something that a network keeps for a queue and that remembers frames which were passed on in part.</summary>
internal interface IForgetful
{
    /// <summary>Forgets them: those that come next are others. On the queue's data thread.</summary>
    void ForgetHalfSent();
}
