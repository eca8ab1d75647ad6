"""Vaults: one data key and who holds it. The only room that opens or seals a key for content."""
