"""The only writer of lessons: trust → plan → fetch → apply → ingest → index → switch (``sync``)."""
