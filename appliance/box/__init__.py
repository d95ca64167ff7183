"""The box as programmes: made, asked, kept running."""
