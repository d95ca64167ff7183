"""The doctor: facts measured on the box → findings, each with what to do."""
