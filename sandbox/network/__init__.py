"""The network between the switch and the institutions: a fault proxy and an SFTP server."""
