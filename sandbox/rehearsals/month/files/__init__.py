"""The files of a generated month: layouts, statements, our own books, and breaks of whole files."""
