"""What a step of a plan is: the states of an entry, how a step is undone, the bindings that steps
make.
"""
