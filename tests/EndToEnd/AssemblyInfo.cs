using Xunit.v3;

// The machine has two cores, and a guest keeps one of them busy: two cases at a time, but for those that measure or spin (see Alone).
[assembly: Parallelization(MaxThreads = 2)]
