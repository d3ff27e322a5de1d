"""Network policies of a cluster as values: what they select, what they match, what they decide."""
