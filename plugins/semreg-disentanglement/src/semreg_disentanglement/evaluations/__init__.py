"""The metrics as evaluations of a run."""
