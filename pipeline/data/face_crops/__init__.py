"""From frames to aligned crops of faces: found, chosen or refused with a reason, cut, and laid out to be looked at."""
