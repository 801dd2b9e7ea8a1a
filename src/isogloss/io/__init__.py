"""Reading users' tables: formats, cells, roles of columns, text normalisation."""
