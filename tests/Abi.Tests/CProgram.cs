using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace VhostNet.Abi.Tests;

/// <summary>A C program of static assertions.</summary>
public sealed class CProgram
{
    private readonly string _architecture;
    private readonly StringBuilder _text = new("#define _GNU_SOURCE\n#include <stddef.h>\n#include <stdint.h>\n");

    public CProgram(AbiUnit unit, string architecture)
    {
        _architecture = architecture;
        foreach (string header in unit.Headers)
        {
            _text.Append(CultureInfo.InvariantCulture, $"#include <{header}>\n");
        }

        _text.Append(unit.Declarations).Append('\n');
        foreach (Type type in unit.Structs)
        {
            AddStruct(type);
        }

        foreach (AbiLayout layout in unit.Layouts)
        {
            AddLayout(layout);
        }

        foreach (AbiConstants constants in unit.Constants)
        {
            AddConstants(constants);
        }

        Array.ForEach(unit.Conditions, Assert);
    }

    public int Assertions { get; private set; }

    public string Text => _text.ToString();

    /// <summary>Adds an assertion of its own.</summary>
    public void Assert(string condition)
    {
        Assertions++;
        _text.Append(CultureInfo.InvariantCulture, $"_Static_assert({condition}, \"{condition.Replace("\"", "'", StringComparison.Ordinal)}\");\n");
    }

    /// <summary>Compiles it without output.</summary>
    /// <returns>What the compiler complained about.</returns>
    public string Compile(string compiler)
    {
        using Process process = Process.Start(new ProcessStartInfo(compiler, "-x c -std=gnu11 -fsyntax-only -Wall -Werror -")
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
        })!;
        process.StandardInput.Write(Text);
        process.StandardInput.Close();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? string.Empty : errors + $"(exit code {process.ExitCode})";
    }

    private void AddStruct(Type type)
    {
        CLayoutAttribute? layout = type.GetCustomAttribute<CLayoutAttribute>();
        if (layout?.Architecture is { } only && only != _architecture)
        {
            return;
        }

        string name = layout?.Name ?? type.Name;
        string cType = name.EndsWith("_t", StringComparison.Ordinal) ? name : $"struct {name}";
        Assert($"sizeof({cType}) == {SizeOf(type)}");
        foreach (FieldInfo field in type.GetFields(BindingFlags.Public | BindingFlags.Instance))
        {
            string member = field.GetCustomAttribute<CLayoutAttribute>()?.Name ?? field.Name;
            Assert($"offsetof({cType}, {member}) == {OffsetOf(type, field)}");
            Assert($"sizeof((({cType} *)0)->{member}) == {SizeOf(field.FieldType)}");
        }
    }

    private void AddLayout(AbiLayout layout)
    {
        Assert($"sizeof({layout.CType}) {(layout.IsPrefix ? ">=" : "==")} {SizeOf(layout.Type)}");
        FieldInfo[] fields =
        [
            .. layout.Type.GetFields(BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance).OrderBy(f => OffsetOf(layout.Type, f)),
        ];
        Xunit.Assert.Equal(layout.Members.Length, fields.Length);
        foreach ((FieldInfo field, string member) in fields.Zip(layout.Members))
        {
            Assert($"offsetof({layout.CType}, {member}) == {OffsetOf(layout.Type, field)}");

            // Several fields may cover an array.
            if (!member.Contains('[', StringComparison.Ordinal))
            {
                Assert($"sizeof((({layout.CType} *)0)->{member}) == {SizeOf(field.FieldType)}");
            }
        }
    }

    private void AddConstants(AbiConstants constants)
    {
        if (constants.Type.Name is "x86_64" or "aarch64" && constants.Type.Name != _architecture)
        {
            return;
        }

        foreach ((string field, object value) in AbiNumbers.Of(constants.Type, _architecture).Where(n => !IsOurOwn(n.Name, constants)))
        {
            if ((constants.Names.TryGetValue(field, out string? name) ? name : constants.Prefix + field) is not { } cName)
            {
                continue;
            }

            bool maybe = constants.NewerThanHeaders.Contains(field);
            _text.Append(maybe ? $"#ifdef {cName}\n" : string.Empty);
            string expression = constants.AreBits ? $"(1ull << ({cName}))" : $"({cName})";
            Assert(value is ulong u
                ? $"(unsigned long long){expression} == {u}ull"
                : $"(long long){expression} == {Convert.ToInt64(value, CultureInfo.InvariantCulture)}ll");
            _text.Append(maybe ? "#endif\n" : string.Empty);
        }
    }

    private static bool IsOurOwn(string name, AbiConstants constants) => constants.Prefix.Length != 0 && name.Any(char.IsLower);

    private static int SizeOf(Type type) => type.IsPointer || type.IsFunctionPointer ? nint.Size : (int)typeof(Unsafe).GetMethod(nameof(Unsafe.SizeOf))!.MakeGenericMethod(type).Invoke(null, null)!;

    /// <summary>The offset in the memory of a running program, which is what the kernel sees; Marshal would tell that of a marshalled copy.</summary>
    private static int OffsetOf(Type type, FieldInfo field)
    {
        DynamicMethod method = new("offset", typeof(int), [typeof(nint)], typeof(CProgram).Module, skipVisibility: true);
        ILGenerator il = method.GetILGenerator();
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldflda, field);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        byte[] room = GC.AllocateArray<byte>(SizeOf(type) + 64, pinned: true);
        return method.CreateDelegate<Func<nint, int>>()(Marshal.UnsafeAddrOfPinnedArrayElement(room, 0));
    }
}
