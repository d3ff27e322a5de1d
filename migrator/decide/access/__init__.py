"""What an identity may do: RBAC, access policies, exact comparison, and the questions that show
it.
"""
