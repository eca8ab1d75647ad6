"""Accounts: who somebody is, how they sign in, and the key pair that only they can use."""
