"""What training costs, in ratios from interleaved runs, and simulated studies that check the inference."""
