"""The commands: names to values, options, what is printed while work goes on."""
