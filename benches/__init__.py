"""Benchmarks: what the service does in a second, beside the least that any program would need for the same job."""
