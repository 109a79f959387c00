using System.IO.MemoryMappedFiles;

namespace VhostNet.Fuzz;

/// <summary>The number of the case under way, in a file that outlives this process, whatever ends it.</summary>
internal sealed class CaseProgress : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;

    private CaseProgress(string? path)
    {
        if (path is not null)
        {
            _file = MemoryMappedFile.CreateFromFile(path, FileMode.OpenOrCreate, null, sizeof(long));
            _view = _file.CreateViewAccessor();
        }
    }

    /// <summary>Opens the file, or nothing when there is none.</summary>
    public static CaseProgress Open(string? path) => new(path);

    /// <summary>Reads what a process left.</summary>
    public static long Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        return bytes.Length < sizeof(long) ? -1 : BitConverter.ToInt64(bytes);
    }

    public void Begin(long seed) => _view?.Write(0, seed);

    public void Dispose()
    {
        _view?.Dispose();
        _file?.Dispose();
    }
}
