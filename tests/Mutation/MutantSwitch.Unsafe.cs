using System.Globalization;
using System.IO.MemoryMappedFiles;

namespace VhostNet.LibC;

/// <summary>Goes into the mutated copy of src/LibC: which mutant this process runs, and which ones it has met.</summary>
public static unsafe class MutantSwitch
{
    private static readonly int s_active = int.Parse(Environment.GetEnvironmentVariable("VHOSTNET_MUTANT") ?? "-1", CultureInfo.InvariantCulture);
    private static readonly byte* s_reached = Map(Environment.GetEnvironmentVariable("VHOSTNET_MUTANTS_REACHED"));

    /// <summary>The code of a mutant is reached. Both fields are constants for the JIT, so that a loop of the data path keeps its speed.</summary>
    /// <returns>Whether the process runs that one.</returns>
    public static bool On(int mutant)
    {
        if (s_reached != null)
        {
            // SAFETY: the runner made the file with a byte for each mutant.
            s_reached[mutant] = 1;
        }

        return mutant == s_active;
    }

    private static byte* Map(string? path)
    {
        if (path is null)
        {
            return null;
        }

        // SAFETY: neither is ever disposed of, so that the pointer is valid until the process ends; what is written is there after a kill, too.
        byte* pointer = null;
        MemoryMappedFile.CreateFromFile(path, FileMode.Open).CreateViewAccessor().SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        return pointer;
    }
}
