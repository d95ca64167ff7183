"""From an image to cards and sticks: chosen, written, read back, with lessons if wished."""
