"""Shared by all benchmarks: stage, load, prepared requests, counts and report."""
