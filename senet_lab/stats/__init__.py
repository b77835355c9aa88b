"""The statistics of the study: differences, verdicts, power. It needs neither torch nor pages."""
