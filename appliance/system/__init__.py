"""System: the box's own operating system, in two slots: judged at each start, renewed by bundles."""
