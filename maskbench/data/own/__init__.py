"""What a user brings: tables, arrays, images and series in files of usual formats."""
