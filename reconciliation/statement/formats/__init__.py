"""Readers of the file formats: delimited text, workbooks, XML, camt, MT940, BEFTN/NACHA and ISO 8583."""
