"""One small file per dataset; `egpo_verl.datasets.registry` names them all."""
