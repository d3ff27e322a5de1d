"""What happens to many clusters: discovery, waves, status."""
