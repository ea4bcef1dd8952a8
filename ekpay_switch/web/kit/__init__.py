"""The page that shows every component of our pages, for rehearsals."""
