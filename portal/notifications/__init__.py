"""Pointers: telling somebody, outside the portal, that something waits for them, and no more."""
