"""What follows: pure functions from values to values. Every rule of the migration lives here, and
nothing else does.
"""
