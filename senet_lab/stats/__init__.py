"""What a statistician reads: differences, verdicts, power. No pages, no torch."""
