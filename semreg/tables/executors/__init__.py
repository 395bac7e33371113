"""Where the runs of a grid are made: in this process, or by an executor, such as `local`."""
