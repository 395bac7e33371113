"""The paper's looks at its two codes, as evaluations: one file each."""
