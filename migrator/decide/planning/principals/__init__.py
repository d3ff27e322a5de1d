"""Stage 1: which principals there are, and what is known of each."""
