"""From a run to its record: one training step, and the two executors that drive it."""
