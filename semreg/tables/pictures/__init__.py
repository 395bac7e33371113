"""The pictures of a grid: its rows side by side, losses over each other, slices of a sweep, and a paper's figures."""
