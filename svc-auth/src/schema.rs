// Printed from the migrated database; `make schema` writes it anew, drift fails `make test`.
