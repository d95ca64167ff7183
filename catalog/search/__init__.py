"""Search: the catalogue becomes an index, what somebody types becomes a page of lessons."""
