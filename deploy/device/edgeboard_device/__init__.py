"""What runs on the board: the standard library only, Python 3.6 or newer, nothing of the rest of Edgeboard."""
