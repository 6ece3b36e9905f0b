"""The computer below all models: its processes, signals, folders and compiler."""
