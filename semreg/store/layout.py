"""The names of the files in a run's folder; imports nothing, for commands that must answer at once.

Several recipes may train the same. The run's own is `recipe.json`, shown in `report.html`; others are
`recipes/NAME.json`, with `report-NAME.html`. `evaluations/NAME-HASH` are results; `recipes.json` states to whose
recipes they belong.
"""

RECIPE, RECORD, STATUS = "recipe.json", "run.json", "status.json"
RECIPES, RESULTS_OF_RECIPES, REPORT = "recipes", "recipes.json", "report.html"
METRICS, WARNINGS = "metrics.jsonl", "warnings.jsonl"
CHECKPOINTS, EVALUATIONS = "checkpoints", "evaluations"
LOCK, LEASE = ".lock", ".lease"
"""The lock of the process that has a run, and the lease that names its machine; see `semreg.store.leases`."""
STATISTICS = "statistics.safetensors"
CONTINUATION = "continuation"
"""The end of the last phase, for a run that continues from there with more epochs."""
TRIALS = "trials"
"""The recipes of a grid's runs in other processes, each beside its output."""
WATCH, WATCHED = "watch", "watch.jsonl"
"""Pictures kept during training, and their list."""
MODEL, CONFIG = "model.safetensors", "config.json"
"""The weights of an exported run, instead of checkpoints, and its description for programs."""
