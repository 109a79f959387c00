namespace VhostNet.VhostUser.Frontend;

/// <summary>Hands bytes and descriptors to a back end in the same process; see <see cref="FrontendOptions.Deliver"/>.</summary>
/// <param name="bytes">A message, or any other bytes.</param>
/// <param name="files">Descriptors that go with them; they stay the caller's.</param>
/// <returns>False when they have to be sent.</returns>
internal delegate bool DirectDelivery(ReadOnlySpan<byte> bytes, ReadOnlySpan<int> files);
