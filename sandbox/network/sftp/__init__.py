"""The SFTP server of the simulated institutions: each has a folder of its own."""
