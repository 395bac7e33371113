"""The pictures of a grid: its rows side by side, overlaid losses, slices of a sweep, and a paper's figures."""
