"""The command line: it turns names into tables, declares options, and prints progress and results."""
