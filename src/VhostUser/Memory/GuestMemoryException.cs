namespace VhostNet.VhostUser.Memory;

/// <summary>The front end offered memory that can't be used; the message names the region, what was wrong and what would be right.</summary>
public sealed class GuestMemoryException : Exception
{
    /// <summary>Creates the exception with its message.</summary>
    public GuestMemoryException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with its message and cause.</summary>
    public GuestMemoryException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>Creates the exception without a message.</summary>
    public GuestMemoryException()
    {
    }
}
