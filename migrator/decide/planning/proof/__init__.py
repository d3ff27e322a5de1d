"""Stage 4: is the plan right: simulated, compared with the access before, and checked."""
