"""Tables and figures from records and published numbers alone; nothing here loads torch."""
