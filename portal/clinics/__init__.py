"""Clinics: who runs this portal, in which time zone, and whom to call in an emergency."""
