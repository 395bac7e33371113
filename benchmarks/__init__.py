"""What semreg costs and survives, measured: `python -m benchmarks.speed`, `.kills` and `.fuzz`."""
