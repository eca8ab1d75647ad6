"""The module file: what it is made of, how it is read, checked and walked through."""
