"""A cluster over hosts: network namespaces of this machine, each with its own address, name, processes and cache."""
