"""The paper's experiments on its two codes, as evaluations: one file each."""
