"""Execution of a grid's runs: in this process, or by an executor such as `local`."""
