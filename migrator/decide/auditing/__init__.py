"""Who can log in now, and what is no longer as it was."""
