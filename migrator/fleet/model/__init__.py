"""What a fleet is: accounts, clusters, waves, jobs, outcomes."""
