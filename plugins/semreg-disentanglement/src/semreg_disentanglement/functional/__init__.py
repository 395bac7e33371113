"""The metrics as pure functions of codes and factors, one file each; `semreg_disentanglement` has their names."""
