"""What finance gets of a reconciled night and month: a model of the report, its workbook and its PDF."""
