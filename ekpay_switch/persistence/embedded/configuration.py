"""The settings of the embedded PostgreSQL, as written to its `postgresql.conf`."""

from collections.abc import Mapping
from types import MappingProxyType

CONF: Mapping[str, str] = MappingProxyType(
    {
        # No TCP: access needs the folder of the socket and a password.
        "listen_addresses": "''",
        # Only names the socket file here; no port is opened.
        "port": "5432",
        # A second protection beside the 0700 folder.
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        # An acknowledged payment must survive a power cut: these three are never traded for speed.
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        # The hot tables and indexes of a demo day fit; still modest on a 2 GB machine.
        "shared_buffers": "256MB",
        # Web, worker and tools of one machine need far fewer; more would only queue on two cores.
        "max_connections": "100",
        # These binaries compress by pglz alone: 0.4 ms of a core a payment to write a quarter less of log.
        "wal_compression": "off",
        # Checkpoints by the clock, not forced by volume in the middle of a burst: after each one every page
        # that is touched goes into the log as a whole again.
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        # Instants are UTC everywhere; business dates are computed in Dhaka time by the domain.
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        # Error texts are matched by the code: always in English.
        "lc_messages": "'C'",
        "log_line_prefix": "'%m [%p] %q%u@%d '",
    }
)
