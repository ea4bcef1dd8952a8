"""What all benchmarks share: the stage, the load, prepared requests, counts and the report."""
