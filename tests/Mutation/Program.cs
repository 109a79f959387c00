using VhostNet.Mutation;

try
{
    return MutationRun.Execute(MutationOptions.Parse(args), Directory.GetCurrentDirectory());
}
catch (MutationException exception)
{
    Console.Error.WriteLine($"mutate: {exception.Message}");
    return 2;
}
