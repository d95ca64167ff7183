"""The screen: what a box says on HDMI to whoever has no tablet at hand."""
