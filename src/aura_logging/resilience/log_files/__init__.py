"""Write one log file from many processes: append, rotate, compress and keep within bounds."""
