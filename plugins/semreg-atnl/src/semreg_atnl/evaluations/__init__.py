"""The paper's experiments on interpolated images, as evaluations: one file each."""
