"""Videos and photos of people, one folder per person: found, read, and reduced to their best frames."""
