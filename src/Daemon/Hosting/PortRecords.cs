using VhostNet.Daemon.Handover;
using VhostNet.Daemon.Metrics;
using VhostNet.VhostUser.Backend.Snapshots;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Frames;
using VhostNet.VirtioNet.Networks;

namespace VhostNet.Daemon.Hosting;

/// <summary>Makes records of running ports for another process, and ports as such records say. Control thread.</summary>
internal static class PortRecords
{
    /// <summary>The record of a port.</summary>
    /// <param name="entry">The port.</param>
    /// <param name="descriptors">Where its open files go, as second descriptors.</param>
    /// <exception cref="HandoverException">Ports of its kind can't be handed over.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public static PortRecord Make(PortEntry entry, DescriptorList descriptors)
    {
        PortState state = entry.Port.Save() ?? throw new HandoverException($"port {entry.Port.Name}: {Why(entry.Port.Kind)}");
        PortRecord record = new PortRecord { Name = entry.Port.Name, Kind = entry.Port.Kind }.With(state, descriptors);
        entry.Port.ReadCounters(out FrameCounters ingress, out FrameCounters egress);
        record = record with
        {
            Ingress = CountersRecord.Of(ingress),
            Egress = CountersRecord.Of(egress),
            Queues = [.. entry.Queues.Select(MakeQueue)],
            Sessions = entry.Endpoint?.SessionCount ?? 0,
        };
        if (entry.Endpoint?.CurrentSession is not { } session)
        {
            return record;
        }

        // What the snapshot owns goes over to the list.
        SessionSnapshot snapshot = session.Capture();
        return record with { Session = snapshot.ToBytes(), SessionDescriptors = descriptors.AddAll(snapshot.Descriptors) };
    }

    /// <summary>The session in a record, with second descriptors of its files; null when there is none.</summary>
    /// <exception cref="InvalidDataException">It can't be understood, or refers to descriptors that did not come.</exception>
    /// <exception cref="ErrnoException">No descriptor is left.</exception>
    public static SessionSnapshot? Session(PortRecord record, DescriptorList descriptors)
    {
        if (record.Session is not { } data)
        {
            return null;
        }

        IReadOnlyList<FileDescriptor> files = descriptors.DuplicateAll(record.SessionDescriptors);
        try
        {
            return SessionSnapshot.FromBytes(data, files);
        }
        catch
        {
            foreach (FileDescriptor file in files)
            {
                file.Dispose();
            }

            throw;
        }
    }

    /// <summary>Has a port go on as its record says, without letting a frame pass.</summary>
    /// <exception cref="InvalidDataException">The record does not fit the port.</exception>
    public static void Restore(PortEntry entry, PortRecord record, DescriptorList descriptors)
    {
        if (record.Kind != entry.Port.Kind)
        {
            throw new InvalidDataException($"port {record.Name} is of kind {record.Kind} there and of kind {entry.Port.Kind} here");
        }

        using (PortState state = record.ToState(descriptors))
        {
            entry.Port.Restore(state);
        }

        if (Session(record, descriptors) is { } snapshot)
        {
            using (snapshot)
            {
                (entry.Endpoint ?? throw new InvalidDataException($"port {record.Name} has a session and is no guest's")).Resume(snapshot);
            }
        }

        entry.Endpoint?.RestoreSessionCount(Math.Max(0, record.Sessions));
        RestoreCounters(entry, record);
    }

    private static QueueRecord MakeQueue(QueueSource queue)
    {
        queue.Read(out VirtqueueCounters ring);
        return new QueueRecord(queue.Index, queue.IsReceive, CountersRecord.Of(queue.Frames), RingRecord.Of(ring));
    }

    private static void RestoreCounters(PortEntry entry, PortRecord record)
    {
        FrameCounters ingress = default;
        FrameCounters egress = default;
        record.Ingress?.CopyTo(ref ingress);
        record.Egress?.CopyTo(ref egress);
        foreach (QueueRecord queue in record.Queues)
        {
            if (entry.Queues.FirstOrDefault(q => q.Index == queue.Index && q.IsReceive == queue.IsReceive) is { } source)
            {
                queue.Frames.CopyTo(ref source.Frames);
                source.Restore(RingRecord.Read(queue.Ring));
                Subtract(ref queue.IsReceive ? ref egress : ref ingress, source.Frames);
            }
        }

        entry.Port.IngressCounters = ingress;
        entry.Port.EgressCounters = egress;
    }

    // A port's own counters hold what its queues' don't.
    private static void Subtract(ref FrameCounters from, FrameCounters what)
    {
        from.Frames -= what.Frames;
        from.Bytes -= what.Bytes;
        for (int i = 0; i < DropCounters.Length; i++)
        {
            from.Drops[i] -= what.Drops[i];
        }
    }

    private static string Why(string kind) => kind switch
    {
        "user" => "the flows of a user port live in libslirp and can't be handed over; restart the daemon instead, or remove the port before",
        "stream" => "the connection of a stream port can't be handed over yet; restart the daemon instead, or remove the port before",
        _ => $"a port of kind {kind} can't be handed over; restart the daemon instead, or remove the port before",
    };
}
