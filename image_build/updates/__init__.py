"""Who signs a province's systems, and the bundles that carry them."""
