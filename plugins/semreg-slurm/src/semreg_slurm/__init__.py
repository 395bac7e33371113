"""Grids of runs on a cluster of Slurm, by submitit."""
