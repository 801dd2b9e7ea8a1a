"""Whatever people bring and take away: tables, cells, roles of columns, text normalisation, files of weights."""
