"""Stage 4: is the plan right: simulated, compared with what was before, and checked."""
