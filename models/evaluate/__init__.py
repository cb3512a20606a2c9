"""Measures weights on faces that training has not seen; `python -m models.evaluate`.

Runs by hand, never in the product; the product imports nothing from here. What each room measures,
and how its figures are to be read, stands at its head; docs/models.md has the figures.
"""
