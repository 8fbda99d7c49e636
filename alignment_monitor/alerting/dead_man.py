"""The dead man's switch: a service elsewhere is pinged after each good run, and pages if it is not.

Here belongs: one GET. It is what notices that this machine is gone, which nothing on it can.
"""

import asyncio
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
    name = settings.dead_man_url_variable
    if name is None:
        return False
    address = os.environ.get(name, "")
    if not address.startswith(("http://", "https://")):
        _log.error("alerts.dead_man_url_variable: %s holds no http(s) address", name)
        return False
    try:
        with quiet():
            status = asyncio.run(_status(address))
    except Exception as error:  # a name that cannot be looked up raises what no library documents
        _log.error("the address in %s was not reached (%s)", name, type(error).__name__)
        return False
    if not 200 <= status < 300:
        _log.error("the address in %s answered HTTP %d", name, status)
        return False
    return True


async def _status(address: str) -> int:
    """What is answered, within the time for all of it; the status says all, so no body is read."""
    import httpx2

    async with (
        asyncio.timeout(TIMEOUT_SECONDS),  # the client's own begin anew with each byte
        httpx2.AsyncClient(timeout=None, follow_redirects=False) as client,
        client.stream("GET", address) as response,
    ):
        return response.status_code
