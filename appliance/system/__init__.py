"""The box's own system: its version, its slots, and the updates that come like lessons do."""
