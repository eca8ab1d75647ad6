"""The caseload: engagements of care, the care team of each, and who can read."""
