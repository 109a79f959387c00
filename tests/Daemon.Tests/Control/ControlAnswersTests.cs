using System.Text;
using VhostNet.Daemon.Api;
using VhostNet.Daemon.Common;
using VhostNet.Daemon.Hosting;

namespace VhostNet.Daemon.Tests.Control;

/// <summary>Requests that outlast their patience, stepped: the control thread is a queue that the test runs, time passes when the test says so.</summary>
public sealed class ControlAnswersTests
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(20);

    private readonly ManualTime _time = new();
    private readonly Queue<Action> _queue = [];
    private readonly ControlQueue _control;
    private readonly ControlAnswers _answers;

    public ControlAnswersTests()
    {
        _control = new ControlQueue(_queue.Enqueue, _time);
        _answers = new ControlAnswers(_control);
    }

    [Fact]
    public async Task ABufferBelongsToWhoeverStillWritesIntoIt()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        Task<ScratchBuffer> late = _answers.WriteAsync(json =>
        {
            json.WriteStartObject();
            json.WriteString("answer", "late");
            begun.Set();
            Assert.True(goOn.Wait(s_timeout));
            json.WriteString("more", "late");
            json.WriteEndObject();
        });
        Task control = Task.Run(_queue.Dequeue());
        Assert.True(begun.Wait(s_timeout));
        _time.Pass();
        RefusalException timeout = await AssertBusyAsync(late);
        Assert.Equal(503, HttpStatus.Of(timeout.Kind));
        Assert.Contains("has not finished this request within 2 s; it goes on", timeout.Message, StringComparison.Ordinal);

        // The control thread is in the middle of the first answer while the next is rented, written and read.
        Task<ScratchBuffer> next = _answers.WriteAsync(json => json.WriteStringValue("next"));
        _queue.Dequeue()();
        ScratchBuffer buffer = await next;
        goOn.Set();
        await control.WaitAsync(s_timeout);
        Assert.Equal("\"next\"\n", Text(buffer));
        _answers.Return(buffer);
        Assert.Equal(string.Empty, Text(_answers.Rent()));
    }

    [Fact]
    public async Task WhatWasGivenUpBeforeItBeganNeverRuns()
    {
        bool ran = false;
        Task<ScratchBuffer> answer = _answers.WriteAsync(_ => ran = true);
        _time.Pass();
        RefusalException timeout = await AssertBusyAsync(answer);
        Assert.Contains("so nothing was done", timeout.Message, StringComparison.Ordinal);
        _queue.Dequeue()();
        Assert.False(ran);
    }

    [Fact]
    public async Task AChangeThatBeganIsWaitedForToItsEnd()
    {
        using var begun = new ManualResetEventSlim();
        using var goOn = new ManualResetEventSlim();
        Task change = _control.RunToEndAsync(() =>
        {
            begun.Set();
            Assert.True(goOn.Wait(s_timeout));
        });
        Task control = Task.Run(_queue.Dequeue());
        Assert.True(begun.Wait(s_timeout));
        _time.Pass();
        Assert.False(change.IsCompleted);
        goOn.Set();
        await control.WaitAsync(s_timeout);
        await change.WaitAsync(s_timeout);
    }

    [Fact]
    public async Task AThreadThatHangsIsNotBuriedUnderRequests()
    {
        Task[] requests = [.. Enumerable.Range(0, ControlQueue.QueuedMax).Select(_ => _control.RunAsync(() => { }))];
        await AssertBusyAsync(_control.RunAsync(() => { }));
        _time.Pass(ControlQueue.QueuedMax);
        foreach (Task request in requests)
        {
            await AssertBusyAsync(request);
        }

        // Withdrawn ones still lie there.
        await AssertBusyAsync(_control.RunAsync(() => { }));
        Assert.Equal(ControlQueue.QueuedMax, _queue.Count);
        while (_queue.TryDequeue(out Action? action))
        {
            action();
        }

        Task good = _control.RunAsync(() => { });
        _queue.Dequeue()();
        await good;
    }

    [Fact]
    public async Task WhatAnAnswerThrowsGoesToItsRequestAndItsBufferIsUsedAgain()
    {
        Task<ScratchBuffer> failing = _answers.WriteAsync(json =>
        {
            json.WriteStartObject();
            throw new InvalidDataException("no");
        });
        _queue.Dequeue()();
        await Assert.ThrowsAsync<InvalidDataException>(() => failing);
        Task<ScratchBuffer> next = _answers.WriteAsync(json => json.WriteNumberValue(1));
        _queue.Dequeue()();
        Assert.Equal("1\n", Text(await next));
    }

    private static async Task<RefusalException> AssertBusyAsync(Task request)
    {
        RefusalException refusal = await Assert.ThrowsAsync<RefusalException>(() => request);
        Assert.Equal(RefusalKind.Busy, refusal.Kind);
        return refusal;
    }

    private static string Text(ScratchBuffer buffer) => Encoding.UTF8.GetString(buffer.Bytes.WrittenSpan);
}
