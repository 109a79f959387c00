using System.Runtime.CompilerServices;

namespace VhostNet.VhostUser.Tests.Frontend;

/// <summary>Assertions that are made hundreds of thousands of times: the message, which describes a whole ring, is only put together for a failure.</summary>
internal static class Verify
{
    /// <summary>As Assert.True.</summary>
    public static void True(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref LateMessage message)
    {
        if (!condition)
        {
            Assert.Fail(message.ToStringAndClear());
        }
    }

    /// <summary>The same bytes. Assert.Equal compares them one by one, as objects.</summary>
    public static void Same(ReadOnlySpan<byte> expected, ReadOnlySpan<byte> actual)
    {
        if (!expected.SequenceEqual(actual))
        {
            Assert.Equal(expected.ToArray(), actual.ToArray());
        }
    }

    /// <summary>A text that is made up only if the condition is false.</summary>
    [InterpolatedStringHandler]
    public ref struct LateMessage
    {
        private DefaultInterpolatedStringHandler _text;

        public LateMessage(int literalLength, int formattedCount, bool condition, out bool isWanted)
        {
            isWanted = !condition;
            _text = isWanted ? new DefaultInterpolatedStringHandler(literalLength, formattedCount) : default;
        }

        public void AppendLiteral(string value) => _text.AppendLiteral(value);

        public void AppendFormatted<T>(T value) => _text.AppendFormatted(value);

        public string ToStringAndClear() => _text.ToStringAndClear();
    }
}
