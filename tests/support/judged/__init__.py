"""What the independent evaluator of ``tests/support/judge`` is asked about: the lab and its oracle,
plans, and the states that the explorer visits. Facts are read raw; the answers to judge are those
of the product.
"""
