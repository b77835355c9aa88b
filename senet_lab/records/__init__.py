"""What was measured: one file a run, written once and whole."""
