"""One night, without folder or database: open rows, new rows and files in; findings and checks out."""
