"""Billers that exchange files: their office hands out files of bills and takes scrolls of what was paid."""
