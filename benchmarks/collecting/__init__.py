"""Benchmarks of collections: a connector that hangs, and the time of a routing decision."""
