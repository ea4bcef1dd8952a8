"""Reports of nights and months for finance: the model, the workbook and the PDF."""
