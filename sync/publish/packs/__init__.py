"""From an edition's files to its packs: chunk packs, update packs, the routes through them."""
