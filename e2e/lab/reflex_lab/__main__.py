"""Entry of `python -m reflex_lab`."""

import sys

from reflex_lab.cli import main

sys.exit(main())
