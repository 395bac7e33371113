"""The names of what is in a run's folder; imports nothing, for what must answer at once.

Several recipes may train the same. The run's own is `recipe.json`, and `report.html` shows it; others are
`recipes/NAME.json`, with `report-NAME.html`. `evaluations/NAME-HASH` are results, of which `recipes.json` says to which
recipes they belong.
"""

RECIPE, RECORD, STATUS = "recipe.json", "run.json", "status.json"
RECIPES, RESULTS_OF_RECIPES, REPORT = "recipes", "recipes.json", "report.html"
METRICS, WARNINGS = "metrics.jsonl", "warnings.jsonl"
CHECKPOINTS, EVALUATIONS = "checkpoints", "evaluations"
LOCK, LEASE = ".lock", ".lease"
"""What the process at work on a run holds, and what says on which machine it is, as `semreg.store.leases` has them."""
STATISTICS = "statistics.safetensors"
CONTINUATION = "continuation"
"""Where the last phase ended, for a run that goes on from there with more epochs."""
TRIALS = "trials"
"""The recipes that a grid's runs are made by elsewhere, and beside each what was said meanwhile."""
WATCH, WATCHED = "watch", "watch.jsonl"
"""Pictures that are kept while a run trains, and of what each is."""
MODEL, CONFIG = "model.safetensors", "config.json"
"""The weights of an exported run, in the place of checkpoints, and what programs are told of it."""
