"""``python -m image_build.cli``: the command line without an installed command."""

from image_build.cli import main

main()
