"""Benchmarks of bill payment: throughput, latency, a hanging biller, growth, soak, a naive build."""
