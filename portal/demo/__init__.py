"""The demo: a fictional clinic with people and weeks of correspondence, made by the real services."""
