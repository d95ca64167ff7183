"""The publisher's desk: what each ``kexia publish`` command does."""
