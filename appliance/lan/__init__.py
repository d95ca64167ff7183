"""The classroom's network: what the site wants → texts for the system's programmes → applied."""
