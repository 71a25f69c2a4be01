"""Run the mirror: `python -m api.mirror SERVER`."""

import sys

from api.mirror.process import main

sys.exit(main(int(sys.argv[1])))
