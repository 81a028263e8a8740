"""Programs that send by the Python clients, each run in a process of its own."""
