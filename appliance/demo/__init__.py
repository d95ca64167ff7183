"""The whole way on one machine, for whoever wants to see it before they trust it."""
