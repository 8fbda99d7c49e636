"""E-mail, by SMTP. The delivery's id is the Message-ID: mailboxes that tell repeats do so by it."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from alignment_monitor.alerting.channels import words
from alignment_monitor.alerting.channels.base import (
    ChannelError,
    Delivery,
    DeliveryError,
    from_environment,
)
from alignment_monitor.alerts_settings import Email


@dataclass(frozen=True)
class EmailChannel:
    """Mailboxes behind a mail server.

    Attributes:
        name: the name in monitor.yaml.
        host: of the mail server.
        port: of the mail server.
        sender: address that the message comes from.
        recipients: addresses it goes to.
        tls: from the first byte, by STARTTLS (both verified), or none.
        credentials: user and password; null: none.
        timeout_seconds: for the whole attempt, however slowly the server answers.
        context: whom to trust; null: whom the system trusts.
    """

    name: str
    host: str
    port: int
    sender: str
    recipients: tuple[str, ...]
    tls: Literal["starttls", "tls", "none"] = "starttls"
    credentials: tuple[str, str] | None = None
    timeout_seconds: float = 10.0
    context: ssl.SSLContext | None = field(default=None, compare=False)

    def __repr__(self) -> str:
        return f"EmailChannel({self.name!r})"

    def send(self, delivery: Delivery) -> None:
        """Hand one message to the mail server.

        Raises:
            DeliveryError: it did not take it, for all recipients.
        """
        try:
            with self._connected() as server:
                if self.credentials:
                    server.login(*self.credentials)
                refused = server.send_message(self._message(delivery))
        except smtplib.SMTPResponseException as error:  # its text may name people
            raise DeliveryError(f"SMTP {error.smtp_code}", reached=True) from None
        except smtplib.SMTPRecipientsRefused:
            raise DeliveryError("all recipients are refused", reached=True) from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise DeliveryError(f"no answer ({type(error).__name__})", reached=False) from None
        if refused:
            # Not repeated: the others would get it again each time.
            _warn_refused(self.name, len(refused))

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        context = self.context or ssl.create_default_context()
        timeout = self.timeout_seconds
        server: smtplib.SMTP
        if self.tls == "tls":
            server = smtplib.SMTP_SSL(timeout=timeout, context=context)
        else:
            server = smtplib.SMTP(timeout=timeout)
        # The library's own timeout begins anew with each byte; this one does not.
        watch = threading.Timer(timeout, _cut, (server,))
        watch.daemon = True
        watch.start()
        try:
            server._host = self.host  # type: ignore[attr-defined] # what SMTP_SSL verifies
            server.connect(self.host, self.port)
            if self.tls == "starttls":
                server.starttls(context=context)
            yield server
            _quit(server)
        finally:
            watch.cancel()
            server.close()

    def _message(self, delivery: Delivery) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = words.title(delivery)
        message["From"] = self.sender
        message["To"] = ", ".join(self.recipients)
        message["Message-ID"] = f"<{delivery.delivery_id}@alignment-monitor>"
        message["Date"] = format_datetime(datetime.fromisoformat(delivery.items[-1].timestamp))
        message["Auto-Submitted"] = "auto-generated"
        told = words.lines(delivery)
        if link := words.link(delivery):
            told.append(link)
        message.set_content("\n".join(told) + "\n")
        return message


def _cut(server: smtplib.SMTP) -> None:
    """Ends whatever a connection is waiting for."""
    sock = getattr(server, "sock", None)
    if sock is not None:
        try:
            sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            return  # it ended in the meantime


def _quit(server: smtplib.SMTP) -> None:
    """Say goodbye; the message is taken whether or not that is answered."""
    try:
        server.quit()
    except (OSError, smtplib.SMTPException):
        return


def _warn_refused(channel: str, count: int) -> None:
    import logging

    logging.getLogger(__name__).warning("Channel %r: %d recipients were refused", channel, count)


def open_email(settings: Email) -> EmailChannel:
    """Mailboxes as configured.

    Raises:
        ChannelError: the password is missing, or would go in the clear.
    """
    credentials = None
    if settings.username is not None:
        if settings.tls == "none":
            raise ChannelError(f"Channel {settings.name!r}: a password needs tls: starttls or tls")
        credentials = (settings.username, from_environment(settings, "password_variable"))
    elif settings.password_variable is not None:
        raise ChannelError(f"Channel {settings.name!r}: set username, too")
    return EmailChannel(
        settings.name,
        settings.host,
        settings.port,
        settings.sender,
        settings.recipients,
        settings.tls,
        credentials,
        settings.timeout_seconds,
    )
