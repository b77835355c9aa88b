"""Benchmarks of speed, as ratios from interleaved runs, and simulated studies that check the statistics."""
