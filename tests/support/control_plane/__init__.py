"""One set of scenarios, two clusters to ask: the embedded lab, and the real components beside the
lab's AWS side.
"""
