using System.Text;

namespace VhostNet.Daemon.Configuration.Ports;

/// <summary>Names of network interfaces in configuration.</summary>
internal static class InterfaceNames
{
    // IFNAMSIZ without the closing zero.
    private const int BytesMax = 15;

    /// <summary>A name that the kernel could give an interface, or null when the key is missing.</summary>
    /// <exception cref="ConfigException">No interface can be called so.</exception>
    public static string? Read(ConfigSection section, string key)
    {
        if (section.Text(key) is not { } name)
        {
            return null;
        }

        int bytes = Encoding.UTF8.GetByteCount(name);
        if (bytes > BytesMax)
        {
            throw section.Error(key, $"\"{name}\" takes {bytes} bytes; the kernel allows the name of an interface {BytesMax}, choose a shorter one");
        }

        return name is "." or ".." || name.Any(c => c is '/' or ':' || char.IsWhiteSpace(c))
            ? throw section.Error(key, $"\"{name}\" can't be the name of an interface, which has no blanks, colons or slashes in it")
            : name;
    }
}
