"""The payments of a citizen in a year: as a page, as a table for a spreadsheet, and on paper."""
