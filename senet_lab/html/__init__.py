"""One HTML file with everything that the records say: tables, charts, claims, every run. It needs no network."""
