using VhostNet.VhostUser.Protocol;
using VhostNet.VhostUser.Transport;

namespace VhostNet.VhostUser.Backend.Messages;

/// <summary>A session's handlers by request number, beside <see cref="MessageTable"/>: each row that is served has one.</summary>
internal sealed class HandlerTable
{
    private readonly MessageHandler?[] _handlers = new MessageHandler?[MessageTable.RequestMax + 1];

    /// <summary>Enters the handlers of all groups.</summary>
    public HandlerTable(IReadOnlyList<MessageGroup> groups)
    {
        foreach (MessageGroup group in groups)
        {
            group.Register(this);
        }
    }

    /// <summary>The handler of a request, or null when it has none.</summary>
    public MessageHandler? Find(RequestCode code) => _handlers[(int)code];

    /// <summary>Enters a handler.</summary>
    /// <exception cref="InvalidOperationException">The request has one already.</exception>
    public void Add(MessageGroup group, RequestCode code, HandleMessage handle)
    {
        if (_handlers[(int)code] is { } other)
        {
            throw new InvalidOperationException($"{code} is handled by {other.Group.GetType().Name} and can't be by {group.GetType().Name} as well.");
        }

        _handlers[(int)code] = new MessageHandler(group, handle);
    }

    /// <summary>Enters a handler of a message without a payload of interest.</summary>
    public void Add(MessageGroup group, RequestCode code, Action handle) => Add(group, code, (_, _) => handle());

    /// <summary>Enters a handler of a message that is about its descriptors.</summary>
    public void Add(MessageGroup group, RequestCode code, Action<FdCollection> handle) => Add(group, code, (_, descriptors) => handle(descriptors));

    /// <summary>Enters a handler of a message whose payload is one structure or number.</summary>
    public void Add<T>(MessageGroup group, RequestCode code, Action<T> handle)
        where T : unmanaged => Add(group, code, (payload, _) => handle(Wire.Read<T>(payload)));

    /// <summary>Enters a handler of a message whose payload is one structure or number, and that is about its descriptors as well.</summary>
    public void Add<T>(MessageGroup group, RequestCode code, Action<T, FdCollection> handle)
        where T : unmanaged => Add(group, code, (payload, descriptors) => handle(Wire.Read<T>(payload), descriptors));
}
