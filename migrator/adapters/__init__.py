"""The outside: AWS, the Kubernetes API, the disk, the clock. One system a file; nothing is decided
here.
"""
