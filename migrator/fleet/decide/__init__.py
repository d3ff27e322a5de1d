"""What follows for many clusters: which are meant, in which waves, when not, which answers are
whose, what repeats.
"""
