using System.Buffers;
using System.Text.Json;
using VhostNet.Daemon.Configuration;
using VhostNet.Daemon.Metrics;

namespace VhostNet.Daemon.Api;

/// <summary>What an answer is written into; kept between requests, so that reading the status every second makes next to no garbage.</summary>
internal sealed class ScratchBuffer
{
    /// <summary>Makes a buffer.</summary>
    public ScratchBuffer() => Json = new Utf8JsonWriter(Bytes, JsonTexts.Indented);

    /// <summary>The bytes written so far.</summary>
    public ArrayBufferWriter<byte> Bytes { get; } = new(16 * 1024);

    /// <summary>Writes JSON into <see cref="Bytes"/>.</summary>
    public Utf8JsonWriter Json { get; }

    /// <summary>Writes the metrics into <see cref="Bytes"/>.</summary>
    public PrometheusText Prometheus { get; } = new();

    /// <summary>Empties the buffer.</summary>
    public void Clear()
    {
        Bytes.ResetWrittenCount();
        Json.Reset(Bytes);
    }
}
