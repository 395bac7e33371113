"""The paper's tables and figures, as evaluations of a trained run."""
