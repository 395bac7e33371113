"""The data sets of the core."""
