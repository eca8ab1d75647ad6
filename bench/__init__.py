"""Measurements of the portal: bytes on the wire, leaks, cost, tails, scale and memory."""
