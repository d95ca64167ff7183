"""The technician's desk: what each `kexia stick` command does."""
