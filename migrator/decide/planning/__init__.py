"""Make a plan from a snapshot and answers, and prove it."""
