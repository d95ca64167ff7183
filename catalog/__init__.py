"""Meaning: what a lesson is, the catalogue that holds it and the index that finds it."""
