"""The paper's experiments, sections 4.1 to 4.5, as evaluations: one file each."""
