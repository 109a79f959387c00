namespace VhostNet.VhostUser.Frontend;

/// <summary>The free ranges of a region by ascending address, first fit. Used when rings and buffers are laid out, not per frame.</summary>
internal sealed class FreeList
{
    private readonly List<(ulong Start, ulong End)> _free = [];

    public FreeList(ulong start, ulong size) => _free.Add((start, start + size));

    /// <summary>Takes a range; false when none is large enough.</summary>
    public bool TryTake(ulong size, ulong alignment, out ulong address)
    {
        for (int i = 0; i < _free.Count; i++)
        {
            (ulong start, ulong end) = _free[i];
            address = (start + alignment - 1) & ~(alignment - 1);
            if (address < start || address > end || end - address < size)
            {
                continue;
            }

            _free.RemoveAt(i);
            if (address + size < end)
            {
                _free.Insert(i, (address + size, end));
            }

            if (start < address)
            {
                _free.Insert(i, (start, address));
            }

            return true;
        }

        address = 0;
        return false;
    }

    /// <summary>Gives a range back and joins it with its neighbours.</summary>
    public void Give(ulong address, ulong size)
    {
        ulong end = address + size;
        int i = _free.FindIndex(range => range.Start >= address);
        i = i < 0 ? _free.Count : i;
        if ((i > 0 && _free[i - 1].End > address) || (i < _free.Count && _free[i].Start < end))
        {
            throw new ArgumentException($"the range at 0x{address:x} with {size} bytes is free already", nameof(address));
        }

        if (i < _free.Count && _free[i].Start == end)
        {
            end = _free[i].End;
            _free.RemoveAt(i);
        }

        if (i > 0 && _free[i - 1].End == address)
        {
            address = _free[--i].Start;
            _free.RemoveAt(i);
        }

        _free.Insert(i, (address, end));
    }
}
