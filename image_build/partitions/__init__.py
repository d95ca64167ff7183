"""What a card holds, without a card: partition table, boot and data partition, image streams."""
