"""Modules: short steps that a client works through alone, with a clinician who reads along."""
