namespace VhostNet.VirtioNet.Errors;

/// <summary>A port's options are wrong by themselves: no machine could carry them out, and trying again is of no use.</summary>
public sealed class PortOptionsException : PortException
{
    /// <summary>Creates the exception with its message.</summary>
    public PortOptionsException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause.</summary>
    public PortOptionsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public PortOptionsException()
    {
    }
}
