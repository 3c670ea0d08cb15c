"""From exported files to a board and back: bundles that a board can measure by itself, and what it measured as rows."""
