namespace VhostNet.Fuzz.Attacks.Harness;

/// <summary>One attack of the catalogue.</summary>
/// <param name="Name">What it is called on the command line.</param>
/// <param name="Trigger">Which trigger of docs/threat-model.md it is.</param>
/// <param name="Share">What the innocent pair keeps of its rate.</param>
/// <param name="Create">Makes it.</param>
internal sealed record AttackRow(string Name, string Trigger, double Share, Func<Attack> Create);
