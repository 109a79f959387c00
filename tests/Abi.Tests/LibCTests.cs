using System.Reflection;
using System.Runtime.InteropServices;

namespace VhostNet.Abi.Tests;

/// <summary>What a compiler can't check: every function is there, and the few lines of logic do what they say.</summary>
public sealed partial class LibCTests
{
    [Fact]
    public void EveryFunctionIsInTheLibrary()
    {
        nint libc = NativeLibrary.Load("libc.so.6");
        string[] missing =
        [
            .. typeof(LibC.LibC).GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
                .Select(static m => (Method: m, Import: m.GetCustomAttribute<LibraryImportAttribute>(), Dll: m.GetCustomAttribute<DllImportAttribute>()))
                .Where(static m => m.Import is not null || m.Dll is not null)
                .Select(static m => m.Dll?.EntryPoint ?? m.Import?.EntryPoint ?? m.Method.Name)
                .Where(name => !NativeLibrary.TryGetExport(libc, name, out _)),
        ];
        Assert.Empty(missing);
    }

    [Theory]
    [InlineData(CallKind.DatagramReceive, "EBADF ENOTSOCK")]
    [InlineData(CallKind.DatagramSend, "EBADF ENOTSOCK")]
    [InlineData(CallKind.PacketReceive, "ENXIO EBADF ENODEV ENOTSOCK")]
    [InlineData(CallKind.PacketSend, "ENXIO EBADF ENODEV ENOTSOCK")]
    [InlineData(CallKind.Accept, "EBADF EINVAL ENOTSOCK")]
    [InlineData(CallKind.Connect, "EBADF ENOTSOCK")]
    [InlineData(CallKind.TapRead, "EBADF ENODEV EBADFD ENOTSOCK")]
    [InlineData(CallKind.TapWrite, "EBADF ENODEV EBADFD ENOTSOCK")]
    [InlineData(CallKind.NetlinkReceive, "EBADF ENOTSOCK")]
    public void OnlyWhatIsReallyGoneIsClassedSo(CallKind call, string gone)
    {
        string[] retry = call == CallKind.Connect ? ["EINTR", "EAGAIN", "EALREADY", "EINPROGRESS"] : ["EINTR", "EAGAIN"];
        Errno[] all = [.. Enumerable.Range(0, 200).Select(static n => new Errno(n))];
        Assert.Equal(gone.Split(' '), all.Where(e => e.ClassOf(call) == ErrnoClass.Gone).Select(static e => e.Name));
        Assert.Equal(retry, all.Where(e => e.ClassOf(call) == ErrnoClass.Retry).Select(static e => e.Name));
        Assert.Equal([0], all.Where(e => e.ClassOf(call) == ErrnoClass.None).Select(static e => e.Value));
    }

    [Theory]
    [InlineData(CallKind.StreamReceive)]
    [InlineData(CallKind.StreamSend)]
    public void AConnectionEndsWithAllThatMemoryDoesNotExplain(CallKind call)
    {
        Errno[] all = [.. Enumerable.Range(0, 200).Select(static n => new Errno(n))];
        Assert.Equal(["ENOMEM", "ENOBUFS"], all.Where(e => e.ClassOf(call) == ErrnoClass.Once).Select(static e => e.Name));
        Assert.Equal(["EINTR", "EAGAIN"], all.Where(e => e.ClassOf(call) == ErrnoClass.Retry).Select(static e => e.Name));
    }

    [Fact]
    public void ErrorsHaveTheNamesOfTheCLibrary()
    {
        Assert.Equal(134, ErrnoNames.Count);
        foreach (FieldInfo field in typeof(LibC.LibC).GetFields(BindingFlags.Static | BindingFlags.Public).Where(static f => f.IsLiteral && IsErrno(f.Name)))
        {
            Assert.Equal(field.Name, ErrnoNames.Of((int)field.GetRawConstantValue()!));
        }

        Assert.Equal("12345", ErrnoNames.Of(12345));
        for (int number = 1; number < ErrnoNames.Count; number++)
        {
            Assert.Equal(Marshal.PtrToStringUTF8(strerrorname_np(number)) ?? number.ToString(System.Globalization.CultureInfo.InvariantCulture), ErrnoNames.Of(number));
        }
    }

    private static bool IsErrno(string name) =>
        name.Length > 2 && name[0] == 'E' && name.All(static c => char.IsAsciiLetterUpper(c) || char.IsAsciiDigit(c)) && name is not ("EWOULDBLOCK" or "EDEADLOCK" or "ENOTSUP") && !name.StartsWith("EPOLL", StringComparison.Ordinal);

    // glibc 2.32.
    [LibraryImport("libc.so.6")]
    private static partial nint strerrorname_np(int number);

    [Fact]
    public void AFailedCallLeavesItsErrorAndItsName()
    {
        ErrnoException e = Assert.Throws<ErrnoException>(() => FileDescriptor.FromResult(open("/no/such/file", O_RDONLY | O_CLOEXEC), "open(/no/such/file)"));
        Assert.Equal(ENOENT, e.Errno.Value);
        Assert.Contains("/no/such/file", e.Message, StringComparison.Ordinal);
        Assert.Contains("errno 2", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void ADescriptorIsClosedOnce()
    {
        FileDescriptor fd = FileDescriptor.FromResult(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd");
        int number = fd.Value;
        using FileDescriptor copy = fd.Duplicate();
        Assert.NotEqual(number, copy.Value);
        Assert.Equal(FD_CLOEXEC, fcntl(copy.Value, F_GETFD));
        fd.Dispose();
        fd.Dispose();
        Assert.Equal(-1, fd.Value);
        Assert.Equal(-1, fcntl(number, F_GETFD));
        Assert.Equal(EBADF, errno);
        Assert.Equal(8, write(copy.Value, 3UL));
        Assert.Equal(8, read(copy.Value, out ulong value));
        Assert.Equal(3UL, value);

        int released = copy.Release();
        copy.Dispose();
        Assert.Equal(0, close(released));
        using FileDescriptor none = new(-1);
        Assert.True(none.IsInvalid);
    }

    [Fact]
    public void AMappingIsUnmappedOnce()
    {
        using FileDescriptor file = FileDescriptor.FromResult(memfd_create("abi", MFD_CLOEXEC | MFD_ALLOW_SEALING), "memfd_create");
        Assert.Equal(0, ftruncate(file.Value, 8192));
        Assert.Equal(0, fcntl(file.Value, F_ADD_SEALS, F_SEAL_SHRINK));
        Assert.Equal(F_SEAL_SHRINK, fcntl(file.Value, F_GET_SEALS));
        Assert.Equal(-1, ftruncate(file.Value, 4096));
        Assert.Equal(EPERM, errno);
        Assert.Equal(8192, lseek(file.Value, 0, SEEK_END));
        Mapping first = Mapping.Map(file.Value, 0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED);
        using Mapping second = Mapping.Map(file.Value, 4096, 4096, PROT_READ, MAP_SHARED);
        first.AsSpan()[4096] = 42;
        Assert.Equal(42, second.AsSpan()[0]);
        first.Dispose();
        first.Dispose();
        Assert.Equal(0, first.Address);
        Assert.Throws<ErrnoException>(() => Mapping.Map(file.Value, 1, 4096, PROT_READ, MAP_SHARED));
        Assert.Equal(0, statx(file.Value, STATX_SIZE, out statx_t facts));
        Assert.Equal(8192UL, facts.stx_size);
        Assert.Equal(0, fstatfs(file.Value, out statfs_t fs));
        Assert.Equal(TMPFS_MAGIC, (int)fs.f_type);
    }

    [Fact]
    public void AddressesAreBuiltAndRefused()
    {
        Assert.Throws<ArgumentException>(() => sockaddr_un.FromPath(new string('x', 108)));
        Assert.Throws<ArgumentException>(() => sockaddr_un.FromPath(string.Empty));
        Assert.Throws<ArgumentException>(() => sockaddr_un.FromPath("a\0b"));
        Assert.Equal(AF_UNIX, sockaddr_un.FromPath(new string('x', 107)).sun_family);
        Assert.Throws<ArgumentException>(() => ifreq.ForName("sixteen-bytes-xx"));
        Assert.Equal("fifteen-bytes-x", ifreq.ForName("fifteen-bytes-x").Name);
        Assert.Equal(0x3412, htons(0x1234));
        Assert.Equal(0x78563412u, ntohl(0x12345678));
    }

    [Fact]
    public unsafe void ControlMessagesAreWalkedWithinTheirBuffer()
    {
        byte* buffer = stackalloc byte[64];
        new Span<byte>(buffer, 64).Clear();
        msghdr message = new() { msg_control = buffer, msg_controllen = CMSG_SPACE(4) + CMSG_SPACE(12) };
        Assert.Equal((nuint)56, message.msg_controllen);
        cmsghdr* first = CMSG_FIRSTHDR(&message);
        first->cmsg_len = CMSG_LEN(4);
        Assert.True(CMSG_DATA(first) == buffer + 16);
        cmsghdr* second = CMSG_NXTHDR(&message, first);
        Assert.True((byte*)second == buffer + 24);
        second->cmsg_len = CMSG_LEN(12);
        Assert.True(CMSG_NXTHDR(&message, second) is null);

        // A length that is too small or too large ends the walk.
        first->cmsg_len = 3;
        Assert.True(CMSG_NXTHDR(&message, first) is null);
        first->cmsg_len = nuint.MaxValue;
        Assert.True(CMSG_NXTHDR(&message, first) is null);
        first->cmsg_len = 4000;
        Assert.True(CMSG_NXTHDR(&message, first) is null);
        message.msg_controllen = 8;
        Assert.True(CMSG_FIRSTHDR(&message) is null);
    }

    [Fact]
    public void ProcessorsAreCountedInSets()
    {
        cpu_set_t set = default;
        CPU_SET(0, ref set);
        CPU_SET(1023, ref set);
        Assert.True(CPU_ISSET(0, set) && CPU_ISSET(1023, set));
        Assert.False(CPU_ISSET(1, set) || CPU_ISSET(1024, set) || CPU_ISSET(-1, set));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
        {
            cpu_set_t other = default;
            CPU_SET(1024, ref other);
        });
    }

    [Fact]
    public void TimesAreConverted()
    {
        timespec time = timespec.FromNanoseconds(12_345_678_901);
        Assert.Equal((12, 345_678_901), (time.tv_sec, time.tv_nsec));
        Assert.Equal(12_345_678_901, time.TotalNanoseconds);
        long a = clock_gettime_ns(CLOCK_MONOTONIC);
        Assert.True(clock_gettime_ns(CLOCK_MONOTONIC) >= a);
    }
}
