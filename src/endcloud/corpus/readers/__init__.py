"""One file a format. A reader turns a source into `Dialogue`s and notes every line it could not read."""
