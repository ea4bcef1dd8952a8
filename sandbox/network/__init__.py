"""The network between the switch and the institutions: a fault-injecting proxy and an SFTP server."""
