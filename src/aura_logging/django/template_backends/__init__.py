"""Template engines that tell how long they render; laid out as Django's own, so that they get the same names."""
