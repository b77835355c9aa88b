"""Records of what was measured: one file for each run, written once and whole."""
