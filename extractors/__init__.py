"""The measurers: one file a measurement, each a step."""
