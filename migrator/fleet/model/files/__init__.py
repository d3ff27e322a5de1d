"""The fleet file, its decisions, records and report, as documents."""
