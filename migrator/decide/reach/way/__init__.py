"""The way to the API server, stage by stage: from what was observed to checks and one error."""
