"""routeserver: an open VPC Route Server.

Its kernels run compiled where they could be compiled. ROUTESERVER_INTERPRETED=1 in the environment
runs their source instead, to debug or to compare.
"""

import os
import sys

__version__ = "0.1.0"

if os.environ.get("ROUTESERVER_INTERPRETED") == "1":
    from routeserver import interpreted

    sys.meta_path.insert(0, interpreted.SourceFinder())
