"""The manifest: what an image contains, said so that anybody can check it."""
