"""Threads: client and clinician write to each other, each when it suits them."""
