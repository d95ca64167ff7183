"""First start: from a site file on the card's FAT partition to a box that knows where it stands."""
