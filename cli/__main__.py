"""`python -m cli`, which accelerate and torchrun launch."""

import sys

from cli.main import main

sys.exit(main())
