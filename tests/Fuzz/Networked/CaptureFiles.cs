namespace VhostNet.Fuzz.Networked;

/// <summary>Capture files that are nearly right.</summary>
internal static class CaptureFiles
{
    public static byte[] Any(Random random)
    {
        using var stream = new MemoryStream();
        using var file = new BinaryWriter(stream);
        file.Write(random.OneIn(3) ? 0xa1b2_3c4d : random.OneIn(20) ? (uint)random.Any() : 0xa1b2_c3d4);
        file.Write(0x0004_0002);
        file.Write(0L);
        file.Write(random.OneIn(10) ? (uint)random.Any() : 65535);
        file.Write(random.OneIn(20) ? (uint)random.Any() : 1);
        uint seconds = (uint)random.Any();
        for (int records = random.Next(6); records > 0; records--)
        {
            seconds = random.Next(4) switch { 0 => (uint)random.Any(), 1 => seconds, 2 => uint.MaxValue, _ => seconds + 1 };
            int length = random.Next(14, 300);
            file.Write(seconds);
            file.Write(random.OneIn(4) ? (uint)random.Any() : (uint)random.Next(1_000_000));
            file.Write(random.OneIn(12) ? (uint)random.Any() : (uint)length);
            file.Write(random.OneIn(12) ? (uint)random.Any() : (uint)length);
            byte[] frame = PeerFrames.Any(random);
            Array.Resize(ref frame, length);
            file.Write(frame);
        }

        file.Flush();
        byte[] bytes = stream.ToArray();
        return random.OneIn(6) ? bytes[..random.Next(bytes.Length + 1)] : bytes;
    }
}
