"""From a run to its record: one pure step, two executors that drive it."""
