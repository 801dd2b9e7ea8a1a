"""Reading the tables that users bring: formats, cells, roles of columns, text normalisation."""
