namespace VhostNet.VirtioNet.Errors;

/// <summary>A port can't be made or opened as asked; the message names what was asked for, what was wrong and what would be right.</summary>
public class PortException : Exception
{
    /// <summary>Creates the exception with its message.</summary>
    public PortException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause.</summary>
    public PortException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public PortException()
    {
    }
}
