"""Proving a plan again when it is read: any person may have written a plan file."""
