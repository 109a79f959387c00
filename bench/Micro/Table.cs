using System.Globalization;

namespace VhostNet.Micro;

/// <summary>Prints rows beside QEMU's figures and as multiples of the floors.</summary>
internal sealed class Table(Floors floors, TextWriter output)
{
    public void PrintHead(string group)
    {
        output.WriteLine();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"floors: one full barrier {floors.BarrierNs:F1} ns (an mfence {Number(floors.FenceNs, "F1")}), one eventfd write {floors.EventfdWriteNs:F0} ns"));
        output.WriteLine($"{group,-66} {"ns",10} {"barriers",9} {"writes",7} {"QEMU",8} {"us/QEMU",8} {"B/op",6}");
    }

    public void Print(Row row)
    {
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{row.Name,-66} {row.Ns,10:F1} {row.Ns / floors.BarrierNs,9:F1} {row.Ns / floors.EventfdWriteNs,7:F2} {Number(row.Qemu, "F0"),8} {Number(row.Ns / row.Qemu, "F2"),8} {Number(row.Bytes, "F1"),6}  {row.Note}").TrimEnd());
        output.Flush();
    }

    private static string Number(double value, string format) => double.IsNaN(value) ? "-" : value.ToString(format, CultureInfo.InvariantCulture);
}
