"""Speed: what is sent, how answers are read and timed. Pure, but for `runner`."""
