"""The pages that people see: checkout, receipts."""
