"""What travels by hand: the layout of a stick, and the papers a box sends back. Pure."""
