"""Peers: boxes on the same network that give each other what they hold, by digest only."""
