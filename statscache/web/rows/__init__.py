"""The SQL: the rows that were asked for, as they are stored or summed."""
