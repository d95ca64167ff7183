"""Transports: each fetches named bytes of one repository; the caller proves them."""
