"""The pages: reads one generation at a time and never touches update machinery."""
