"""One HTML file with everything in the records: tables, charts, claims, runs. It loads nothing from the Internet."""
