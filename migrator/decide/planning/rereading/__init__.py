"""Proving a plan again when it is read: a plan file is a document that anybody may have written."""
