"""The outside that only a fleet needs: dask, AWS Organizations, sessions of many accounts."""
