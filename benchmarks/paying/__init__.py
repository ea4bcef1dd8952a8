"""Benchmarks of bill payment: throughput, latency, hanging billers, growth, soak, a naive build."""
