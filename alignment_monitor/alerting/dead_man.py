"""The dead man's switch: a service elsewhere is pinged after each good run, and pages if it is not.

Here belongs: one GET. It is what notices that this machine is gone, which nothing on it can.
"""

import logging
import os

from alignment_monitor.alerting.channels.quiet import quiet
from alignment_monitor.alerts_settings import Alerts

TIMEOUT_SECONDS = 10.0

_log = logging.getLogger(__name__)


def ping(settings: Alerts) -> bool:
    """GET the address that ``dead_man_url_variable`` names, once; a failure is logged, not raised.

    The address is as good as a password, so it enters no log.

    Returns:
        The service took it; false also where none is set.
    """
    import httpx2

    name = settings.dead_man_url_variable
    if name is None:
        return False
    address = os.environ.get(name, "")
    if not address.startswith(("http://", "https://")):
        _log.error("alerts.dead_man_url_variable: %s holds no http(s) address", name)
        return False
    try:
        with quiet():
            answer = httpx2.get(address, timeout=TIMEOUT_SECONDS, follow_redirects=False)
        status = answer.status_code
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        _log.error("the address in %s was not reached (%s)", name, type(error).__name__)
        return False
    if not 200 <= status < 300:
        _log.error("the address in %s answered HTTP %d", name, status)
        return False
    return True
