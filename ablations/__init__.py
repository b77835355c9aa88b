"""The questions of the study: tables, protocols, claims and the published numbers. Values only."""
