"""Images: what a technician writes to a card so that a box can start."""
