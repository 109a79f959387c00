using System.Text;
using System.Text.RegularExpressions;

namespace VhostNet.TestKit;

/// <summary>
/// Everything that a peer printed, and a way to wait for what it will print. Waiting is by event: the reader of the peer's output appends, and whoever
/// waits for a pattern is resumed by that. Safe for any thread.
/// </summary>
/// <param name="name">Who speaks; the first word of every error message.</param>
/// <param name="whole">What error messages quote instead of this, where this is only a part of what the peer printed.</param>
public sealed class Transcript(string name, Transcript? whole = null)
{
    private const int TailLength = 4000;
    private readonly Lock _lock = new();
    private readonly StringBuilder _text = new();
    private readonly List<Waiter> _waiters = [];
    private string? _closed;

    private sealed record Waiter(Regex Pattern, int From, TaskCompletionSource<Match> Found);

    /// <summary>Who speaks.</summary>
    public string Name => name;

    /// <summary>How many characters were printed so far: a position to wait from.</summary>
    public int Length
    {
        get
        {
            lock (_lock)
            {
                return _text.Length;
            }
        }
    }

    /// <summary>What was printed from a position on.</summary>
    public string Since(int position)
    {
        lock (_lock)
        {
            return _text.ToString(position, _text.Length - position);
        }
    }

    /// <summary>Everything.</summary>
    public override string ToString() => Since(0);

    /// <summary>The last few thousand characters, for error messages.</summary>
    public string Tail()
    {
        lock (_lock)
        {
            int start = Math.Max(0, _text.Length - TailLength);
            return _text.ToString(start, _text.Length - start);
        }
    }

    /// <summary>Adds what the peer printed.</summary>
    public void Append(string text)
    {
        List<(Waiter Waiter, Match Match)> found = [];
        lock (_lock)
        {
            _text.Append(text);
            for (int i = _waiters.Count - 1; i >= 0; i--)
            {
                Waiter waiter = _waiters[i];
                Match match = waiter.Pattern.Match(_text.ToString(waiter.From, _text.Length - waiter.From));
                if (match.Success)
                {
                    _waiters.RemoveAt(i);
                    found.Add((waiter, match));
                }
            }
        }

        foreach ((Waiter waiter, Match match) in found)
        {
            waiter.Found.TrySetResult(match);
        }
    }

    /// <summary>Nothing more will come: whoever still waits fails with the reason.</summary>
    public void Close(string reason)
    {
        Waiter[] waiters;
        lock (_lock)
        {
            if (_closed is not null)
            {
                return;
            }

            _closed = reason;
            waiters = [.. _waiters];
            _waiters.Clear();
        }

        foreach (Waiter waiter in waiters)
        {
            waiter.Found.TrySetException(Failure($"{reason} before it printed \"{waiter.Pattern}\""));
        }
    }

    /// <summary>The first match of a pattern in what was printed from a position on, now or later.</summary>
    /// <exception cref="TestPeerException">The time is up, or the peer ended; the message has the end of the transcript.</exception>
    public async Task<Match> WaitForAsync(Regex pattern, int from, TimeSpan timeout)
    {
        Waiter waiter = new(pattern, from, new TaskCompletionSource<Match>(TaskCreationOptions.RunContinuationsAsynchronously));
        lock (_lock)
        {
            Match match = pattern.Match(_text.ToString(from, _text.Length - from));
            if (match.Success)
            {
                return match;
            }

            if (_closed is not null)
            {
                throw Failure($"{_closed} and never printed \"{pattern}\"");
            }

            _waiters.Add(waiter);
        }

        try
        {
            return await waiter.Found.Task.WaitAsync(timeout);
        }
        catch (TimeoutException)
        {
            throw Failure($"did not print \"{pattern}\" within {timeout.TotalSeconds:0} s");
        }
        finally
        {
            lock (_lock)
            {
                _waiters.Remove(waiter);
            }
        }
    }

    /// <summary>The first match of a pattern in everything that is printed, now or later.</summary>
    public Task<Match> WaitForAsync(string pattern, TimeSpan timeout) => WaitForAsync(new Regex(pattern, RegexOptions.Multiline), 0, timeout);

    /// <summary>An exception about this peer, with the end of its transcript.</summary>
    public TestPeerException Failure(string what) => new($"{name} {what}. The end of its output:\n{(whole ?? this).Tail()}");
}
