"""Instructions to banks, their message formats, the banks' answers and the outcome of each instruction."""
