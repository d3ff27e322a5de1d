"""What a lab consists of: accounts, principals, clusters, clock, faults, and the files that
describe them.
"""
