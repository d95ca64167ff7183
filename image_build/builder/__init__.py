"""From a spec to an image: packages, root, squashfs, boot loader, partitions."""
