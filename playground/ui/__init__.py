"""The page. Nothing here imports torch: decoding happens in a worker process."""

import os

# Before gradio is imported anywhere: it would otherwise report its own imports and launches.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
