"""One job for each command and cluster, and what a process needs to do it."""
