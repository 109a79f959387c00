using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using VhostNet.VhostUser.Virtqueues;
using VhostNet.VirtioNet.Addresses;

namespace VhostNet.VirtioNet.Networks.Switch;

/// <summary>
/// Where each (VLAN, address) was last seen. A fixed number of buckets of eight; an address lies in one of two buckets that a keyed hash names. Look-ups take
/// no lock and write nothing; learning an address takes one for a moment. Nothing is allocated after construction, so a flood of
/// addresses changes neither memory nor what others find. Any thread.
/// </summary>
internal sealed unsafe class SwitchMacTable : IDisposable
{
    private const int Ways = 8;
    private const ulong Occupied = 1UL << 63;
    private const ulong StaticMark = 1UL << 48;

    /// <summary>Addresses that each port can have when others have filled the table.</summary>
    private const int AssuredPerPort = 8;

    // SAFETY: _bucketMask + 1 buckets, allocated here, freed only by Dispose, which the network calls when no data thread is inside.
    private readonly Bucket* _buckets;
    private readonly uint _bucketMask;
    private readonly ulong _seed;
    private readonly int _capacity;
    private readonly int[] _perPort;
    private readonly RingLock _lock = new();
    private int _unreserved;
    private int _count;
    private int _version;
    private long _refused;
    private bool _disposed;

    /// <summary>Creates a table for up to <paramref name="capacity"/> addresses of up to <paramref name="ports"/> ports.</summary>
    public SwitchMacTable(int capacity, int ports)
    {
        // Half filled at most: then a bucket pair hardly ever overflows.
        uint buckets = BitOperations.RoundUpToPowerOf2((uint)Math.Max(1, capacity * 2 / Ways));
        _capacity = capacity;
        _unreserved = capacity;
        _bucketMask = buckets - 1;
        _buckets = (Bucket*)NativeMemory.AlignedAlloc(buckets * (nuint)sizeof(Bucket), 128);
        NativeMemory.Clear(_buckets, buckets * (nuint)sizeof(Bucket));
        _perPort = new int[ports];
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(seed);
        _seed = BitConverter.ToUInt64(seed);
    }

    ~SwitchMacTable() => Free();

    /// <summary>Changes whenever an address moved or went: what was looked up before is to be looked up again.</summary>
    public int Version => Volatile.Read(ref _version);

    /// <summary>Addresses in the table.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Frames whose address wasn't learned because the table or its port's share was full.</summary>
    public long Refused => Volatile.Read(ref _refused);

    /// <summary>Addresses learned at a port.</summary>
    public int CountOf(int port) => Volatile.Read(ref _perPort[port]);

    /// <summary>
    /// Keeps room for so many ports: a few addresses for each, and up to a quarter of the table, which ports that have as many already can't take. So guests
    /// that make up addresses don't keep another one from being known. Control thread.
    /// </summary>
    public void ReserveFor(int ports) => Volatile.Write(ref _unreserved, _capacity - (int)Math.Min(_capacity / 4, (long)ports * AssuredPerPort));

    /// <summary>Finds the port at which an address is.</summary>
    /// <returns>The port's number, or -1.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public int Find(int vlan, ulong mac) => TryFind(KeyOf(vlan, mac), out ulong value) == null ? -1 : (ushort)value;

    /// <summary>Notes that an address was seen at a port.</summary>
    /// <param name="vlan">The frame's VLAN.</param>
    /// <param name="mac">The source address.</param>
    /// <param name="port">The port's number.</param>
    /// <param name="tick">The present time in ageing ticks.</param>
    /// <param name="limit">How many addresses the port may have.</param>
    /// <returns>False when the address is fixed at another port, and the frame therefore forged.</returns>
    // SAFETY: the value's address was found inside the table. The slot may meanwhile hold another address; refreshing that one, if it is at the same port and
    // was seen at the same time, is harmless.
    public bool Learn(int vlan, ulong mac, int port, uint tick, int limit)
    {
        ulong key = KeyOf(vlan, mac);
        ulong* at = TryFind(key, out ulong value);
        if (at == null)
        {
            Insert(key, ValueOf(port, tick), limit);
            return true;
        }

        if ((ushort)value == port)
        {
            if (TickOf(value) != tick && (value & StaticMark) == 0)
            {
                Interlocked.CompareExchange(ref *at, ValueOf(port, tick), value);
            }

            return true;
        }

        if ((value & StaticMark) != 0)
        {
            return false;
        }

        Move(key, port, tick, limit);
        return true;
    }

    /// <summary>Fixes an address at a port, whatever was known of it. False when the table has no room for it. Control thread.</summary>
    // SAFETY: the lock is held, so the entry stays what it is.
    public bool SetStatic(int vlan, ulong mac, int port)
    {
        ulong key = KeyOf(vlan, mac);
        _lock.Enter();
        ulong* at = TryFind(key, out _);
        bool done = at != null;
        if (done)
        {
            Remove(at);
        }

        done = TryPlace(key, ValueOf(port, 0) | StaticMark);
        _lock.Exit();
        return done;
    }

    /// <summary>Removes addresses of a port: all, or only those that were learned. Control thread.</summary>
    public void Flush(int port, bool statics) =>
        RemoveWhere(0, (int)_bucketMask + 1, (v, p) => (ushort)v == (ushort)p && ((p & 0x10000) != 0 || (v & StaticMark) == 0), (uint)port | (statics ? 0x10000u : 0));

    /// <summary>Removes every learned address. Control thread.</summary>
    public void FlushLearned() => RemoveWhere(0, (int)_bucketMask + 1, (v, _) => (v & StaticMark) == 0, 0);

    /// <summary>Removes learned addresses that were last seen before <paramref name="oldest"/>. Control thread.</summary>
    public void Age(uint oldest) => RemoveWhere(0, (int)_bucketMask + 1, (v, o) => (v & StaticMark) == 0 && (int)(TickOf(v) - o) < 0, oldest);

    /// <summary>A copy of the table, for display. Any thread; sees each entry at some moment.</summary>
    // SAFETY: indices are inside the table.
    public List<SwitchMacEntry> List(uint now, Func<int, string?> portName)
    {
        var result = new List<SwitchMacEntry>();
        for (uint bucket = 0; bucket <= _bucketMask; bucket++)
        {
            for (int way = 0; way < Ways; way++)
            {
                ulong key = Volatile.Read(ref _buckets[bucket].Keys[way]);
                ulong value = Volatile.Read(ref _buckets[bucket].Values[way]);
                if (key != 0 && key == Volatile.Read(ref _buckets[bucket].Keys[way]) && portName((ushort)value) is { } port)
                {
                    bool isStatic = (value & StaticMark) != 0;
                    var mac = new MacAddress(key & 0xffff_ffff_ffff);
                    result.Add(new SwitchMacEntry((int)(key >> 48) & 0xfff, mac, port, isStatic, isStatic ? 0 : (int)(now - TickOf(value))));
                }
            }
        }

        return result;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static ulong KeyOf(int vlan, ulong mac) => Occupied | ((ulong)(uint)vlan << 48) | mac;

    private static ulong ValueOf(int port, uint tick) => (ushort)port | ((ulong)tick << 16);

    private static uint TickOf(ulong value) => (uint)(value >> 16);

    // SAFETY: the mask keeps the index inside the table.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private Bucket* Primary(ulong key, out uint secondary)
    {
        ulong high = Math.BigMul(key ^ _seed, 0x9e37_79b9_7f4a_7c15, out ulong low);
        ulong hash = high ^ low;
        secondary = (uint)(hash >> 32) & _bucketMask;
        return _buckets + ((uint)hash & _bucketMask);
    }

    /// <summary>Finds an entry; its value is read after its key and belongs to it, because the key is read once more.</summary>
    // SAFETY: bucket addresses come from Primary and the mask.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ulong* TryFind(ulong key, out ulong value)
    {
        Bucket* bucket = Primary(key, out uint secondary);
        ulong* at = FindIn(bucket, key, out value);
        return at != null ? at : FindIn(_buckets + secondary, key, out value);
    }

    // SAFETY: the vector covers the bucket's eight keys. Each key is read and written as one aligned word.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong* FindIn(Bucket* bucket, ulong key, out ulong value)
    {
        uint matches = Vector512.IsHardwareAccelerated
            ? (uint)Vector512.Equals(Vector512.Load(bucket->Keys), Vector512.Create(key)).ExtractMostSignificantBits()
            : Vector256.Equals(Vector256.Load(bucket->Keys), Vector256.Create(key)).ExtractMostSignificantBits()
              | (Vector256.Equals(Vector256.Load(bucket->Keys + 4), Vector256.Create(key)).ExtractMostSignificantBits() << 4);
        if (matches != 0)
        {
            int way = BitOperations.TrailingZeroCount(matches);
            value = Volatile.Read(ref bucket->Values[way]);
            if (Volatile.Read(ref bucket->Keys[way]) == key)
            {
                return bucket->Values + way;
            }
        }

        value = 0;
        return null;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Insert(ulong key, ulong value, int limit)
    {
        int own = Volatile.Read(ref _perPort[(ushort)value]);
        if (own >= limit || Volatile.Read(ref _count) >= (own < AssuredPerPort ? _capacity : Volatile.Read(ref _unreserved)))
        {
            // A lost increment is as good as none here: this is the path of a flood.
            _refused++;
            return;
        }

        _lock.Enter();
        if (TryFind(key, out _) == null && !TryPlace(key, value))
        {
            _refused++;
        }

        _lock.Exit();
    }

    // SAFETY: the lock is held, so that the entry stays until it was changed.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Move(ulong key, int port, uint tick, int limit)
    {
        if (Volatile.Read(ref _perPort[port]) >= limit)
        {
            _refused++;
            return;
        }

        if (!_lock.TryEnter())
        {
            return;
        }

        ulong* at = TryFind(key, out ulong value);
        if (at != null && (value & StaticMark) == 0 && (ushort)value != port)
        {
            _perPort[(ushort)value]--;
            _perPort[port]++;
            Volatile.Write(ref *at, ValueOf(port, tick));
            Interlocked.Increment(ref _version);
        }

        _lock.Exit();
    }

    /// <summary>
    /// Puts a new entry into one of its two buckets. The lock is held. The first is preferred as long as it has some room left, since look-ups begin there;
    /// then the emptier one, which keeps buckets from overflowing.
    /// </summary>
    // SAFETY: bucket addresses come from Primary and the mask. The value is there before the key names it.
    private bool TryPlace(ulong key, ulong value)
    {
        Bucket* first = Primary(key, out uint secondary);
        Bucket* second = _buckets + secondary;
        int firstFree = FreeWays(first, out int way);
        if (firstFree <= 2)
        {
            int secondFree = FreeWays(second, out int secondWay);
            if (secondFree > firstFree)
            {
                first = second;
                firstFree = secondFree;
                way = secondWay;
            }
        }

        if (firstFree == 0)
        {
            return false;
        }

        Volatile.Write(ref first->Values[way], value);
        Volatile.Write(ref first->Keys[way], key);
        _perPort[(ushort)value]++;
        _count++;
        return true;
    }

    // SAFETY: way stays below Ways.
    private static int FreeWays(Bucket* bucket, out int free)
    {
        int count = 0;
        free = -1;
        for (int way = 0; way < Ways; way++)
        {
            if (bucket->Keys[way] == 0)
            {
                free = way;
                count++;
            }
        }

        return count;
    }

    private void RemoveWhere(int first, int count, Func<ulong, uint, bool> condition, uint argument)
    {
        for (int bucket = first; bucket < first + count; bucket++)
        {
            RemoveIn(_buckets + bucket, condition, argument);
        }
    }

    // SAFETY: way stays below Ways.
    private void RemoveIn(Bucket* bucket, Func<ulong, uint, bool> condition, uint argument)
    {
        for (int way = 0; way < Ways; way++)
        {
            if (Volatile.Read(ref bucket->Keys[way]) != 0 && condition(Volatile.Read(ref bucket->Values[way]), argument))
            {
                _lock.Enter();
                if (bucket->Keys[way] != 0 && condition(bucket->Values[way], argument))
                {
                    Remove(bucket->Values + way);
                }

                _lock.Exit();
            }
        }
    }

    // SAFETY: value points into a bucket; its key lies Ways words before it. The lock is held.
    private void Remove(ulong* value)
    {
        _perPort[(ushort)*value]--;
        _count--;
        Volatile.Write(ref *(value - Ways), 0);
        Interlocked.Increment(ref _version);
    }

    private void Free()
    {
        if (!_disposed)
        {
            _disposed = true;
            NativeMemory.AlignedFree(_buckets);
        }
    }

    /// <summary>Two cache lines: the keys, and the values in the same order.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private struct Bucket
    {
        public fixed ulong Keys[Ways];
        public fixed ulong Values[Ways];
    }
}
