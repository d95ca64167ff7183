"""Updates: the packs that turn one edition into another, with old content as context."""
