"""The catalogue: feeds become tables, tables become choices, textbooks and lessons."""
