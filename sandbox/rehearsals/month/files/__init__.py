"""The files of a generated month: layouts, statements, our own books, and what is wrong with a file."""
