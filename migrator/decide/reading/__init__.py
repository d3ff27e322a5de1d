"""What aws-auth and the logs say: texts to rows, rows to identities, as the authenticator does
it.
"""
