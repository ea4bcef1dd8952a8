"""The benchmarks of `make bench`: the switch and pgbench take turns on one machine in one run."""
