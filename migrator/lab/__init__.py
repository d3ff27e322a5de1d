"""An EKS on this machine, driven over the wire: to learn on, to rehearse on, and to test every
claim against.
"""
