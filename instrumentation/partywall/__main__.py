"""`python -m partywall` is `partywall`."""

import sys

from partywall.cli import main

sys.exit(main())
