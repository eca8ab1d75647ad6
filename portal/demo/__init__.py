"""The demo: a fictional clinic and weeks of correspondence, made by the real services."""
