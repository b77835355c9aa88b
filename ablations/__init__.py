"""What the study asks: tables, protocols, claims and the published numbers. Values only."""
