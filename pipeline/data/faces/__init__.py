"""The data of an identification task: recordings of people, drawn or in folders, to crops of their faces."""
