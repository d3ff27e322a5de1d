"""From a snapshot and answers to a plan that proves itself."""
