"""Metrics of disentanglement for semreg, and as functions of any codes and factors: DCI, MIG, SAP, modularity, FactorVAE and beta-VAE scores, IRS, InfoMEC, UDR."""
