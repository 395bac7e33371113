"""What semreg costs, measured: `python -m benchmarks.speed`."""
