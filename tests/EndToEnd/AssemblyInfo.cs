// The machine has two cores: a guest and a daemon at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
