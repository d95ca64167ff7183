"""From a list of teaching points to site files, personalised images and printed cards."""
