"""From a province's folder and its metadata sheets to the lessons block and the files it names."""
