"""Can this machine get to the API server, may this caller do the job, and if not, why not."""
