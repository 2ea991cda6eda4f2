"""Gunicorn's hooks: note which threads the master forks with, and log outside of requests on a worker's thread."""

import json
import logging
import os
from pathlib import Path

log = logging.getLogger("site.outside")

preload_app = True
control_socket_disable = True


def pre_fork(server, worker):
    """Write down the master's threads, as the kernel has them."""
    threads = Path(os.environ["SITE_STATE_DIR"], "threads.json")
    threads.write_text(json.dumps([entry.name for entry in Path("/proc/self/task").iterdir()]))


def pre_request(worker, req):
    """Log before Django sees a request."""
    log.info("before the request")


def post_request(worker, req, environ, resp):
    """Log when the response has been closed."""
    log.info("after the request")
