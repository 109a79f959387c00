namespace VhostNet.Fuzz.Switch;

/// <summary>What is built in on purpose, to see that it is found.</summary>
internal enum SwitchFault
{
    None,

    /// <summary>Frames leave with the words that their sender has in its memory when they are copied, not with those that were judged.</summary>
    ReadsTwice,

    /// <summary>Of two tags both are taken off where one is.</summary>
    TakesTwoTags,

    /// <summary>A port gets what is for another one's VLAN.</summary>
    MixesPorts,
}
