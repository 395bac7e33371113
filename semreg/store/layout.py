"""The names of what is in a run's folder; imports nothing, for what must answer at once."""

RECIPE, RECORD, STATUS = "recipe.json", "run.json", "status.json"
METRICS, WARNINGS = "metrics.jsonl", "warnings.jsonl"
CHECKPOINTS, EVALUATIONS, LOCK = "checkpoints", "evaluations", ".lock"
STATISTICS = "statistics.safetensors"
