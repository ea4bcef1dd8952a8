"""The SFTP server of the simulated institutions: each leaves its files in a folder of its own."""
