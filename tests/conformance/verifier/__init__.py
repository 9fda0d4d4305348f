"""A second verifier of Sekisho's proof bundles, written from docs/spec alone.

It shares no code with the first one. Each module names the section it follows; where the two disagree, the page says
which is wrong.
"""
